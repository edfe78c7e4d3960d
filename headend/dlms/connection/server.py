"""A server's connection: many client SAPs on one stream, each with its own association."""

from collections.abc import Callable, Mapping

from headend.dlms.apdu import Apdu
from headend.dlms.association import Event, State
from headend.dlms.connection.events import RequestRefused
from headend.dlms.connection.parameters import ServerParameters
from headend.dlms.connection.server_association import ServerAssociation, ServerEvent
from headend.dlms.connection.services import Notification
from headend.dlms.errors import DecodeError, LocalError, RemoteError
from headend.dlms.framing import ServerFraming

_AARQ = 0x60


class ServerConnection:
    """The server's end of one stream.

    `associations` says what each client SAP is offered; a SAP that is not in it gets no answer. `receive` raises
    `RemoteError` only where the framing lost its place in the stream; whatever is wrong inside an APDU is answered, and
    told as `RequestRefused`.
    """

    def __init__(self, associations: Mapping[int, ServerParameters], framing: ServerFraming) -> None:
        self._offers = associations
        self._framing = framing
        self._associations: dict[int, ServerAssociation] = {}
        self._last_received: dict[int, int] = {}
        self._events: list[ServerEvent] = []
        self._fault: RemoteError | None = None
        #: HDLC lends the turn to whoever was asked: it goes back by itself with an answer, and by this without one.
        self._pass_turn: Callable[[], None] | None = getattr(framing, "pass_turn", None)
        self._answered = False
        for client_sap, parameters in associations.items():
            if parameters.pre_established:
                self._associations[client_sap] = self._begin(client_sap, parameters)

    def state(self, client_sap: int) -> State:
        """Where the association of `client_sap` stands."""
        association = self._associations.get(client_sap)
        return State.IDLE if association is None else association.state

    def last_received(self, client_sap: int) -> int:
        """The largest verified counter of `client_sap` (-1: none)."""
        association = self._associations.get(client_sap)
        known = self._known(client_sap)
        return known if association is None else max(known, association.last_received)

    @property
    def waiting(self) -> bool:
        """Whether the framing wants a timer; see `timeout`."""
        return self._framing.waiting

    def take_output(self) -> bytes:
        """The octets to put on the wire now; they are forgotten here."""
        return self._framing.take_output()

    def receive(self, octets: bytes) -> list[ServerEvent]:
        """The events that `octets` complete; may queue output."""
        return self._process(octets)

    def timeout(self) -> list[ServerEvent]:
        """The timer of the framing ran out."""
        self._events = []
        for apdu in self._framing.timeout():
            self._take(self._framing.peer or 0, apdu)
        return self._events

    def receive_eof(self) -> list[ServerEvent]:
        """The stream ended: every association that stands is closed."""
        self._events = []
        for association in self._associations.values():
            association.end(Event.END)
        return self._events

    def respond(self, apdu: Apdu, client_sap: int | None = None) -> None:
        """Answer the request that waits, the oldest one where `client_sap` is not given; `LocalError` if none does."""
        sap = self._waiting_sap() if client_sap is None else client_sap
        self._associated(sap).respond(apdu)

    def notify(self, client_sap: int, apdu: Notification) -> None:
        """Send a notification to `client_sap`; `LocalError` if it is not associated."""
        self._associated(client_sap).notify(apdu)

    def close(self) -> list[ServerEvent]:
        """End every association from this side, without a word."""
        return self.receive_eof()

    def _process(self, octets: bytes) -> list[ServerEvent]:
        if self._fault is not None:
            raise self._fault
        events = self._events = []
        try:
            for client_sap, apdu in self._framing.feed_addressed(octets):
                self._take(client_sap, apdu)
        except RemoteError as fault:
            if not events:
                raise
            self._fault = fault
        return events

    def _take(self, client_sap: int, apdu: bytes) -> None:
        parameters = self._offers.get(client_sap)
        if parameters is None:
            self._events.append(RequestRefused(client_sap, RemoteError(f"no association for client SAP {client_sap}")))
            return
        if not apdu:
            self._events.append(RequestRefused(client_sap, DecodeError("an empty APDU", 0)))
            return
        association = self._associations.get(client_sap)
        if association is None or (apdu[0] == _AARQ and not parameters.pre_established):
            association = self._begin(client_sap, parameters)
        self._answered = False
        association.take(apdu)
        if self._pass_turn is not None and not self._answered and not association.busy:
            self._framing.peer = client_sap
            self._pass_turn()

    def _begin(self, client_sap: int, parameters: ServerParameters) -> ServerAssociation:
        before = self._associations.pop(client_sap, None)
        if before is not None:
            before.end(Event.END)
            self._last_received[client_sap] = max(self._known(client_sap), before.last_received)

        def send(apdu: bytes) -> None:
            self._answered = True
            self._framing.peer = client_sap
            self._framing.wrap(apdu)

        association = ServerAssociation(client_sap, parameters, self._known(client_sap), send, self._tell)
        self._associations[client_sap] = association
        return association

    def _tell(self, event: ServerEvent) -> None:
        self._events.append(event)

    def _known(self, client_sap: int) -> int:
        security = self._offers[client_sap].security if client_sap in self._offers else None
        start = -1 if security is None else security.last_received
        return max(start, self._last_received.get(client_sap, -1))

    def _waiting_sap(self) -> int:
        for client_sap, association in self._associations.items():
            if association.busy:
                return client_sap
        raise LocalError("no request waits for an answer")

    def _associated(self, client_sap: int) -> ServerAssociation:
        association = self._associations.get(client_sap)
        if association is None:
            raise LocalError(f"client SAP {client_sap} has no association")
        return association
