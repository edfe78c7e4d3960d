"""What a client's connection knows of its association, and may be asked at any time."""

from typing import TYPE_CHECKING, Final

from headend.dlms.apdu import ConfirmedServiceError, ExceptionResponse
from headend.dlms.association import State
from headend.dlms.connection.events import Associated, AssociationRejected, Released
from headend.dlms.connection.exchange import Answer, Exchange
from headend.dlms.connection.opening import Opening
from headend.dlms.connection.parameters import ClientParameters
from headend.dlms.connection.services import Notification
from headend.dlms.enumerations import Conformance
from headend.dlms.framing import Framing

if TYPE_CHECKING:
    from collections.abc import Callable

    from headend.dlms.connection.transfer import GeneralTransfer
    from headend.dlms.errors import RemoteError

ClientEvent = (
    Associated | AssociationRejected | Released | Answer | Notification | ExceptionResponse | ConfirmedServiceError
)

_NOTHING: Final = Conformance(0)


class ClientStanding:
    """Where one association of a client stands; `ClientConnection` moves it."""

    __slots__ = (
        "_cipher",
        "_conformance",
        "_events",
        "_exchange",
        "_fault",
        "_feed",
        "_framing",
        "_invoke_shift",
        "_lacking",
        "_largest_joined",
        "_max_pdu_size",
        "_opening",
        "_parameters",
        "_room",
        "_state",
        "_transfer",
        "_wrap",
        "take_output",
    )

    def __init__(self, parameters: ClientParameters, framing: Framing) -> None:
        self._parameters = parameters
        self._framing = framing
        self._feed = framing.feed
        self._wrap = framing.wrap
        #: The octets to put on the wire now; they are forgotten with the call.
        self.take_output: Callable[[], bytes] = framing.take_output
        self._state = State.IDLE
        self._fault: RemoteError | None = None
        self._events: list[ClientEvent] = []
        self._exchange: Exchange | None = None
        self._conformance = _NOTHING
        self._lacking = -1
        self._max_pdu_size = 0
        self._room = 0
        self._invoke_shift = 0
        self._largest_joined = parameters.largest_joined
        self._opening = Opening(parameters)
        self._cipher = self._opening.cipher
        self._transfer: GeneralTransfer | None = None

    @property
    def state(self) -> State:
        """Where the association stands."""
        return self._state

    @property
    def conformance(self) -> Conformance:
        """The services that both ends have; none before the AARE."""
        return self._conformance

    @property
    def max_pdu_size(self) -> int:
        """How many octets the meter takes in one APDU; 0 before the AARE."""
        return self._max_pdu_size

    @property
    def last_received(self) -> int:
        """The meter's largest counter under its global key whose tag verified (-1: none yet)."""
        if self._opening.protection is not None:
            return self._opening.protection.last_received
        security = self._parameters.security
        return -1 if security is None else security.last_received

    @property
    def peer_system_title(self) -> bytes | None:
        """The meter's system title: pinned, or learned from its AARE; a mere claim where nothing is ciphered."""
        return self._opening.title

    @property
    def waiting(self) -> bool:
        """Whether a timer has to run for the link or for a general block transfer; see `timeout`."""
        return self._framing.waiting or (self._transfer is not None and self._transfer.unfinished)
