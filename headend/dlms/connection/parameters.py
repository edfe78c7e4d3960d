"""What the two ends bring to an association: chosen by the caller beforehand, never by what the peer sends."""

from collections.abc import Iterator
from enum import Enum
from typing import Final

from attrs import field, frozen

from headend.dlms.connection.end_to_end import EndToEndKeys
from headend.dlms.enumerations import Authentication, Conformance
from headend.dlms.errors import LocalError
from headend.dlms.security import KeyContext, ManufacturerFunction, SigningContext

#: Everything this package can do for logical names; what the peer lacks falls away in the negotiation.
FULL_CONFORMANCE: Final = (
    Conformance.GENERAL_PROTECTION
    | Conformance.GENERAL_BLOCK_TRANSFER
    | Conformance.DELTA_VALUE_ENCODING
    | Conformance.ATTRIBUTE0_SUPPORTED_WITH_SET
    | Conformance.PRIORITY_MGMT_SUPPORTED
    | Conformance.ATTRIBUTE0_SUPPORTED_WITH_GET
    | Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
    | Conformance.BLOCK_TRANSFER_WITH_SET_OR_WRITE
    | Conformance.BLOCK_TRANSFER_WITH_ACTION
    | Conformance.MULTIPLE_REFERENCES
    | Conformance.DATA_NOTIFICATION
    | Conformance.ACCESS
    | Conformance.GET
    | Conformance.SET
    | Conformance.SELECTIVE_ACCESS
    | Conformance.EVENT_NOTIFICATION
    | Conformance.ACTION
)

#: The largest APDU the wrapper can carry, and the largest number the initiate services have room for.
LARGEST_PDU: Final = 0xFFFF
#: The smallest receive size a peer may state (Green Book 9.4.6.1); below it not even an error answer fits.
SMALLEST_PDU: Final = 12
#: The window of general block transfer has six bits (Green Book 9.4.6.13).
LARGEST_WINDOW: Final = 63
#: Octets of one answer or request joined from blocks (safety rule 12).
LARGEST_JOINED: Final = 1 << 20
#: A system title has eight octets: three letters of the maker, five of his numbering (Green Book 9.2.3).
SYSTEM_TITLE_LENGTH: Final = 8


class Ciphering(Enum):
    """Which envelope our protected APDUs travel in; an answer may come in the other envelope under the same key."""

    GLO = "service-specific, global key"
    DED = "service-specific, dedicated key"
    GENERAL_GLO = "general, global key"
    GENERAL_DED = "general, dedicated key"
    GENERAL_CIPHERING = "general-ciphering, each APDU names its key"

    @property
    def dedicated(self) -> bool:
        """Whether APDUs after the AARE are under the key of this one association."""
        return self is _DED or self is _GENERAL_DED

    @property
    def general(self) -> bool:
        """Whether the envelope carries the sender's system title."""
        return self is _GENERAL_GLO or self is _GENERAL_DED


#: Looked up in their class they take 0.15 us each time (3.11), and every association asks several times.
_DED: Final = Ciphering.DED
_GENERAL_DED: Final = Ciphering.GENERAL_DED
_GENERAL_GLO: Final = Ciphering.GENERAL_GLO


class Refusal(Enum):
    """How a server turns away what fails a check of keys or counters before an association stands."""

    AARE = "an AARE with a reason"
    EXCEPTION = "an exception response"
    SILENCE = "no answer at all"


class Farewell(Enum):
    """How a client ends an association."""

    RELEASE = "RLRQ, its user information protected as the APDUs were"
    PLAIN_RELEASE = "RLRQ without user information, for meters that refuse a ciphered one"
    HANG_UP = "no RLRQ: the meter knows none, the stream below is closed"


def _is_system_title(_: object, __: object, value: bytes) -> None:
    if len(value) != SYSTEM_TITLE_LENGTH:
        raise LocalError(f"a system title has {SYSTEM_TITLE_LENGTH} octets, not {len(value)}")


def _is_peer_title(_: object, __: object, value: bytes | None) -> None:
    if value is not None and len(value) != SYSTEM_TITLE_LENGTH:
        raise LocalError(f"a system title has {SYSTEM_TITLE_LENGTH} octets, not {len(value)}")


def _is_suite(_: object, __: object, value: int) -> None:
    if value not in (0, 1, 2):
        raise LocalError(f"there is no security suite {value}")


def _is_policy(_: object, __: object, value: int) -> None:
    if value not in (0x00, 0x10, 0x20, 0x30):
        raise LocalError(f"a policy is 0x00, 0x10, 0x20 or 0x30, not {value:#04x}")


def _is_pdu_size(_: object, __: object, value: int) -> None:
    if not SMALLEST_PDU <= value <= LARGEST_PDU:
        raise LocalError(f"a largest APDU of {value} octets: {SMALLEST_PDU} to {LARGEST_PDU} can be stated")


def _is_window(_: object, __: object, value: int) -> None:
    if not 1 <= value <= LARGEST_WINDOW:
        raise LocalError(f"a window of {value} blocks: 1 to {LARGEST_WINDOW} can be stated")


class ReleaseSupport(Enum):
    """What a server does with an RLRQ; meters differ."""

    FULL = "answers an RLRQ, ciphered as it came"
    PLAIN_ONLY = "refuses an RLRQ with user information by an exception response"
    NONE = "knows no RLRQ and says nothing"


@frozen
class Security:
    """Keys, titles and what protection is required in both directions.

    `policy` is 0x00, 0x10, 0x20 or 0x30; with 0 the APDUs are plain and the keys serve HLS alone. `counters` gives our
    invocation counters, each larger than the one before, none ever given before. `last_received` is the peer's largest
    counter known (-1: none). `peer_system_title` None is learned from the AARE or AARQ, else any other is refused.
    """

    system_title: bytes = field(validator=_is_system_title)
    keys: KeyContext = field(repr=False)
    counters: Iterator[int] = field(repr=False, eq=False)
    suite: int = field(default=0, validator=_is_suite)
    policy: int = field(default=0x30, validator=_is_policy)
    peer_system_title: bytes | None = field(default=None, validator=_is_peer_title)
    ciphering: Ciphering = Ciphering.GLO
    last_received: int = -1
    #: For HLS with ECDSA.
    signing: SigningContext | None = field(default=None, repr=False)
    #: For general-ciphering.
    end_to_end: EndToEndKeys | None = field(default=None, repr=False)


@frozen
class ClientParameters:
    """One association that a client asks for.

    `secret` is the password of LLS or the secret of HLS 2, 3, 4, 6; `challenge` is CtoS, 8 to 64 octets, used once.
    `dedicated_key` is used with a ciphering that says so, once.
    """

    client_sap: int
    server_sap: int = 1
    authentication: Authentication = Authentication.NONE
    secret: bytes = field(default=b"", repr=False)
    security: Security | None = None
    challenge: bytes = field(default=b"", repr=False)
    conformance: Conformance = FULL_CONFORMANCE
    max_pdu_size: int = field(default=LARGEST_PDU, validator=_is_pdu_size)
    dedicated_key: bytes | None = field(default=None, repr=False)
    farewell: Farewell = Farewell.RELEASE
    #: f of HLS mechanism 2.
    manufacturer: ManufacturerFunction | None = field(default=None, repr=False)
    #: Octets of one joined answer.
    largest_joined: int = LARGEST_JOINED
    #: How many blocks of general block transfer may arrive before we confirm.
    window: int = field(default=8, validator=_is_window)


@frozen
class ServerParameters:
    """What a server offers to one client SAP.

    `challenges` gives StoC, 8 to 64 octets, each once. `Security.ciphering` is what notifications travel in; answers
    travel as the request came.
    """

    authentication: Authentication = Authentication.NONE
    secret: bytes = field(default=b"", repr=False)
    security: Security | None = None
    challenges: Iterator[bytes] = field(factory=lambda: iter(()), repr=False, eq=False)
    conformance: Conformance = FULL_CONFORMANCE
    max_pdu_size: int = field(default=LARGEST_PDU, validator=_is_pdu_size)
    manufacturer: ManufacturerFunction | None = field(default=None, repr=False)
    refusal: Refusal = Refusal.AARE
    release: ReleaseSupport = ReleaseSupport.FULL
    #: Associated from the start, without AARQ (Green Book 9.4.1.3): for push.
    pre_established: bool = False
    largest_joined: int = LARGEST_JOINED
    window: int = field(default=8, validator=_is_window)
