from headend.dlms.errors import LocalError, RemoteError
from headend.dlms.hdlc.address import CALLING_LONG, CALLING_SHORT, Address, client_address, server_address
from headend.dlms.hdlc.client import ATTEMPTS, ClientLink
from headend.dlms.hdlc.control import Kind
from headend.dlms.hdlc.frame import Frame, FrameReader
from headend.dlms.hdlc.parameters import DEFAULT_PARAMETERS, LinkParameters
from headend.dlms.hdlc.server import ServerLink

#: Clients that one server keeps a link to at once; the one heard least recently gives way.
_MOST_LINKS = 8


class HdlcFraming:
    """The client's end of an HDLC line to one meter: APDUs to octets and back, whatever the chunks, link included.

    `server_sap` is the logical device, `physical` the device's own address on the bus (0 is one; None where the address
    has one octet), `address_size` 1, 2 or 4 octets, the shortest by default. Frames between other stations are counted
    in `strays`; damaged ones are dropped and asked for again.
    """

    __slots__ = ("_fault", "_link", "_reader", "client", "server", "strays")

    def __init__(
        self,
        client_sap: int,
        server_sap: int,
        physical: int | None = None,
        *,
        address_size: int | None = None,
        parameters: LinkParameters = DEFAULT_PARAMETERS,
        attempts: int = ATTEMPTS,
    ) -> None:
        self.client = client_address(client_sap)
        self.server = server_address(server_sap, physical, address_size)
        self.strays = 0
        self._link = ClientLink(self.client, self.server, parameters, attempts)
        self._reader = FrameReader()
        self._fault: RemoteError | None = None

    @property
    def connected(self) -> bool:
        """Whether the link is up."""
        return self._link.connected

    @property
    def peer(self) -> int | None:
        """The logical device at the other end."""
        return self.server.upper

    @property
    def waiting(self) -> bool:
        """Whether the meter owes an answer of the link, so that a timer has to run."""
        return self._link.waiting or self._fault is not None

    @property
    def parameters(self) -> LinkParameters:
        """What was agreed on when the link was set up."""
        return self._link.parameters

    @property
    def busy(self) -> bool:
        """Set it while no I frames can be taken: acknowledgements say RNR, and the meter waits."""
        return self._link.busy

    @busy.setter
    def busy(self, busy: bool) -> None:
        self._link.busy = busy

    @property
    def dropped(self) -> int:
        """How many octets were no part of a good frame."""
        return self._reader.dropped

    def connect(self) -> None:
        """Queue SNRM; LocalError where the link is not down."""
        self._fault = None
        self._link.connect()

    def disconnect(self) -> None:
        """Queue DISC; nothing where the link is down."""
        self._link.disconnect()

    def wrap(self, apdu: bytes) -> None:
        """Queue one APDU in as many segments as it takes; LocalError where no link is up or being set up."""
        self._raise_fault()
        self._link.send(apdu)

    def wrap_unconfirmed(self, apdu: bytes) -> None:
        """Queue one APDU in UI frames, which nobody confirms."""
        self._link.send_unconfirmed(apdu)

    def take_output(self) -> bytes:
        """The octets to send now; they are forgotten here."""
        return self._link.take_output()

    def feed(self, octets: bytes) -> list[bytes]:
        """The APDUs that `octets` complete; acknowledgements may be queued.

        RemoteError where the meter refuses or breaks the rules: the link is down then. APDUs before it in the same
        chunk are given first, the error with the next call of `feed`, `timeout` or `wrap`.
        """
        return self._handle(self._reader.feed(octets))

    def feed_addressed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """As `feed`, each APDU with the logical device it came from."""
        return [(self.server.upper, apdu) for apdu in self.feed(octets)]

    def timeout(self) -> list[bytes]:
        """Nothing came in time: look for good frames behind a damaged one, else ask the meter again.

        RemoteError when that was in vain too often.
        """
        self._raise_fault()
        frames = [frame for frame in self._reader.give_up() if self._is_for_us(frame)]
        if frames:
            return self._handle(frames)
        self._link.timeout()
        return []

    def _handle(self, frames: list[Frame]) -> list[bytes]:
        self._raise_fault()
        apdus: list[bytes] = []
        for frame in frames:
            if not self._is_for_us(frame):
                self.strays += 1
                continue
            try:
                apdus += self._link.handle(frame)
            except RemoteError as fault:
                if not apdus:
                    raise
                self._fault = fault
                break
        return apdus

    def _raise_fault(self) -> None:
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault

    def _is_for_us(self, frame: Frame) -> bool:
        return frame.destination.upper == self.client.upper and _names(self.server, frame.source)


def _names(asked: Address, answered: Address) -> bool:
    """Whether `answered` may be who was called as `asked`; a call without a device or to a calling one fits any."""
    if asked.upper != answered.upper:
        return False
    return asked.lower is None or answered.lower is None or asked.is_calling or asked.lower == answered.lower


class HdlcServerFraming:
    """The server's end of an HDLC line: takes what is addressed to it, keeps a link per client, answers `peer`.

    `logical_device` and `physical` are its own address. It answers in the form it was called in; what calls all
    stations is taken only from UI frames and never answered; what calls a calling device (7E, 3FFE) while `calling`.
    """

    def __init__(
        self,
        logical_device: int,
        physical: int | None = None,
        *,
        parameters: LinkParameters = DEFAULT_PARAMETERS,
    ) -> None:
        self.logical_device = logical_device
        self.physical = physical
        self.parameters = parameters
        #: Set while the device has a call of its own to make.
        self.calling = False
        self.strays = 0
        self._reader = FrameReader()
        self._links: dict[int, ServerLink] = {}
        self._peer: int | None = None
        self._busy = False
        self._output = b""

    @property
    def connected(self) -> bool:
        """Whether the link to `peer` is up."""
        link = self._peer_link()
        return link is not None and link.connected

    @property
    def peer(self) -> int | None:
        """The address of the client heard last; set it to answer another one."""
        return self._peer

    @peer.setter
    def peer(self, sap: int) -> None:
        self._peer = sap

    @property
    def waiting(self) -> bool:
        """Whether a client waits for this side, so that a timer has to run."""
        return any(link.waiting for link in self._links.values())

    @property
    def busy(self) -> bool:
        """Set it while no I frames can be taken: acknowledgements to every client say RNR."""
        return self._busy

    @busy.setter
    def busy(self, busy: bool) -> None:
        self._busy = busy
        for link in self._links.values():
            link.busy = busy

    def link_epoch(self, client_sap: int) -> int | None:
        """A number that changes whenever this client's link is set up anew; None while its link is down."""
        link = self._links.get(client_sap)
        return link.epoch if link is not None and link.connected else None

    def connect(self) -> None:
        """Nothing to do: the client sets the link up."""

    def disconnect(self) -> None:
        """Drop all links without a word; the next frame of a client is answered DM."""
        self._links.clear()

    def wrap(self, apdu: bytes) -> None:
        """Queue one APDU for `peer`; LocalError where its link is down."""
        link = self._peer_link()
        if link is None:
            raise LocalError("no HDLC link: the client has to connect first")
        link.send(apdu)

    def wrap_unconfirmed(self, apdu: bytes) -> None:
        """Queue one APDU for `peer` in UI frames, which need no link; LocalError where nobody is set as `peer`."""
        if self._peer is None:
            raise LocalError("no client is known: set `peer` first")
        self._link(self._peer, None).send_unconfirmed(apdu)

    def pass_turn(self) -> None:
        """Give the turn back to `peer` without an answer, since none will come (an unconfirmed request)."""
        link = self._peer_link()
        if link is not None:
            link.pass_turn()

    def take_output(self) -> bytes:
        """The octets to send now; they are forgotten here."""
        output, self._output = self._output, b""
        for link in self._links.values():
            output += link.take_output()
        return output

    def feed(self, octets: bytes) -> list[bytes]:
        """The APDUs that `octets` complete; faults of a client are answered, not raised."""
        return [apdu for _, apdu in self.feed_addressed(octets)]

    def feed_addressed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """As `feed`, each APDU with the address of its client."""
        return self._handle(self._reader.feed(octets))

    def timeout(self) -> list[bytes]:
        """Time has passed: look for good frames behind a damaged one, and confirm requests not answered yet."""
        found = self._handle(self._reader.give_up())
        if not found:
            for link in self._links.values():
                link.timeout()
        return [apdu for _, apdu in found]

    def _handle(self, frames: list[Frame]) -> list[tuple[int, bytes]]:
        found: list[tuple[int, bytes]] = []
        for frame in frames:
            if not self._is_for_us(frame):
                self.strays += 1
                continue
            client = self._peer = frame.source.upper
            found += [(client, apdu) for apdu in self._link(client, frame).handle(frame)]
        return found

    def _is_for_us(self, frame: Frame) -> bool:
        upper, lower = frame.destination.upper, frame.destination.lower
        if frame.source.size != 1 or frame.source.upper == 0:
            return False
        if frame.destination.is_broadcast:
            return frame.kind is Kind.UI
        if frame.destination.is_calling and lower in (CALLING_SHORT, CALLING_LONG):
            return self.calling and self.physical is not None and upper == self.logical_device
        return upper == self.logical_device and (lower is None or self.physical is None or lower == self.physical)

    def _peer_link(self) -> ServerLink | None:
        return None if self._peer is None else self._links.get(self._peer)

    def _link(self, client: int, frame: Frame | None) -> ServerLink:
        """The link to `client`; SNRM in another form of our address begins another one."""
        link = self._links.pop(client, None)
        if link is None or (frame is not None and frame.kind is Kind.SNRM and not self._answers_as_called(link, frame)):
            link = ServerLink(self._own_address(frame), client_address(client), self.parameters)
            link.busy = self._busy
        self._links[client] = link  # the one heard last stands last
        if len(self._links) > _MOST_LINKS:
            oldest = self._links.pop(next(iter(self._links)))
            self._output += oldest.take_output()
        return link

    def _answers_as_called(self, link: ServerLink, frame: Frame) -> bool:
        return link.local == self._own_address(frame)

    def _own_address(self, frame: Frame | None) -> Address:
        """Our address in the form that `frame` called it by; what calls any calling device learns which one it is."""
        if frame is None:
            return server_address(self.logical_device, self.physical)
        called = frame.destination
        if called.is_calling:
            return server_address(self.logical_device, self.physical, called.size)
        return Address(self.logical_device, called.lower, called.size)
