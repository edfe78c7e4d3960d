"""One meter at the end of one stream, sans-io: octets in, octets out, and the fault that strikes on the way."""

from typing import NamedTuple

from headend.dlms.connection import (
    AssociationClosed,
    AssociationOpened,
    RequestReceived,
    RequestRefused,
    ServerConnection,
    ServerEvent,
)
from headend.dlms.connection.counters import CounterError
from headend.dlms.errors import RemoteError
from headend.dlms.framing import ServerFraming
from headend.dlms.hdlc import HdlcServerFraming
from headend.dlms.wrapper import HEADER_LENGTH
from simulator.associations import Role
from simulator.faults import Fault, MeterFaults, Moment
from simulator.keyed import MeterAssociations
from simulator.meter import Meter
from simulator.service import moment_of, serve
from simulator.sniffing import carried_counter
from simulator.stream import WholePdus


class Reaction(NamedTuple):
    """What goes out, and what goes wrong with it; `broken`: the stream is beyond use."""

    output: bytes = b""
    fault: Fault | None = None
    broken: bool = False


class Link:
    """Feeds a `ServerConnection` with what arrives for `meter`, serves the requests, keeps the ledger of counters."""

    __slots__ = ("_connection", "_opened", "faults", "meter", "requests")

    def __init__(
        self, meter: Meter, offers: MeterAssociations, framing: ServerFraming, faults: MeterFaults | None
    ) -> None:
        self.meter = meter
        self.faults = faults
        self.requests = 0
        self._opened = False
        self._connection = ServerConnection(offers, framing)

    @property
    def waiting(self) -> bool:
        """Whether the link layer wants `timeout` to be called when nothing comes for a while."""
        return self._connection.waiting

    def timeout(self) -> Reaction:
        """Nothing came for a while."""
        return self._react(self._connection.timeout(), None)

    def end(self) -> None:
        """The stream ended."""
        self._connection.receive_eof()

    def feed(self, octets: bytes) -> Reaction:
        """Octets as they come; the counters they carry are known only once they are accepted."""
        return self._feed(octets, None)

    def feed_pdu(self, pdu: bytes, client_sap: int) -> Reaction:
        """One whole wrapper PDU of `client_sap`."""
        role = _CIPHERED.get(client_sap)
        if role is None:
            return self._feed(pdu, None)
        counter = carried_counter(pdu[HEADER_LENGTH:])
        if counter is not None and counter <= self.meter.ledger(role).last and self._is_stale(role, counter):
            return Reaction(broken=True)
        return self._feed(pdu, counter)

    def _feed(self, octets: bytes, counter: int | None) -> Reaction:
        try:
            events = self._connection.receive(octets)
        except RemoteError:
            return Reaction(self._connection.take_output(), broken=True)
        return self._react(events, counter)

    def _react(self, events: list[ServerEvent], counter: int | None) -> Reaction:
        fault, asked, opens = None, False, False
        for event in events:
            match event:
                case RequestReceived():
                    asked = True
                    fault = self._take_request(event, counter)
                    if fault is Fault.DROP:
                        return Reaction(fault=fault)
                case RequestRefused(client_sap, error):
                    self._note_refused(client_sap, error, counter)
                case AssociationOpened(client_sap):
                    opens = True
                    self._note_accepted(client_sap)
                case AssociationClosed(client_sap):
                    self._note_accepted(client_sap)
        if counter is not None and not events:
            self._note_accepted(Role.SETTING)
        output = self._connection.take_output()
        if output and not asked and self.faults is not None:
            fault = self.faults.strike(Moment.OTHER if self._opened else Moment.ASSOCIATE)
        self._opened = self._opened or opens
        return Reaction(output, fault)

    def _take_request(self, event: RequestReceived, counter: int | None) -> Fault | None:
        role = _ROLES[event.client_sap]
        if counter is None:
            self._note_accepted(role)
        else:  # it was larger than all before it, and its tag verified, or there were no request
            self.meter.ledger(role).offer(counter, self.meter.now())
        fault = None if self.faults is None else self.faults.strike(moment_of(event.apdu))
        if fault is not Fault.DROP:
            self._serve(role, event.apdu, confirmed=event.confirmed)
        return fault

    def _serve(self, role: Role, request: object, *, confirmed: bool) -> None:
        self.requests += 1
        answer = serve(self.meter, role, request)
        if confirmed and answer is not None:
            self._connection.respond(answer, role)

    def _is_stale(self, role: Role, counter: int) -> bool:
        """A counter that another stream has passed meanwhile: this stream's connection would still take it."""
        stale = self._connection.last_received(role) < counter
        if stale:
            self.meter.ledger(role).offer(counter, self.meter.now())
        return stale

    def _note_accepted(self, client_sap: int) -> None:
        role = _CIPHERED.get(client_sap)
        if role is not None:
            ledger = self.meter.ledger(role)
            last = self._connection.last_received(client_sap)
            if last > ledger.last:
                ledger.offer(last, self.meter.now())

    def _note_refused(self, client_sap: int, error: RemoteError, counter: int | None) -> None:
        self._note_accepted(client_sap)
        role = _CIPHERED.get(client_sap)
        if role is not None and isinstance(error, CounterError) and counter is not None:
            self.meter.ledger(role).offer(counter, self.meter.now())


_ROLES = {role.value: role for role in Role}
_CIPHERED = {sap: role for sap, role in _ROLES.items() if role.ciphered}


def wrapper_link(meter: Meter, offers: MeterAssociations, server_sap: int, faults: MeterFaults | None) -> Link:
    """A link behind the wrapper; the meter's logical device is `server_sap`."""
    return Link(meter, offers, WholePdus(server_sap), faults)


def hdlc_link(meter: Meter, offers: MeterAssociations, server_sap: int, faults: MeterFaults | None) -> Link:
    """A link behind HDLC."""
    return Link(meter, offers, HdlcServerFraming(server_sap), faults)
