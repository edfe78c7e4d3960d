from headend.dlms.errors import DecodeError, LocalError
from headend.dlms.hdlc.address import Address
from headend.dlms.hdlc.control import Kind, unnumbered
from headend.dlms.hdlc.frame import Frame
from headend.dlms.hdlc.link import Link, LinkState
from headend.dlms.hdlc.llc import RESPONSE
from headend.dlms.hdlc.parameters import LinkParameters, decode_parameters, encode_all_parameters

#: Reasons in the third octet of an FRMR (ISO/IEC 13239 5.5.3.4).
_UNDEFINED_CONTROL = 0x01
_INFORMATION_TOO_LONG = 0x04
_WRONG_RECEIVE_NUMBER = 0x08


class ServerLink(Link):
    """The server's end of one link to one client; see `link` for the rules.

    A request that arrives whole leaves the turn here until `send` answers it, or `timeout` or `pass_turn` gives the
    turn back without an answer; the answer then waits for the client's next poll.
    """

    __slots__ = ("_has_turn", "_owner_works", "_rejection", "epoch")

    def __init__(self, server: Address, client: Address, parameters: LinkParameters) -> None:
        super().__init__(server, client, RESPONSE, parameters)
        #: How often the link was set up; a change means that everything before it is void.
        self.epoch = 0
        self._has_turn = False
        self._owner_works = False
        self._rejection: bytes | None = None

    @property
    def waiting(self) -> bool:
        """Whether the client waits for this side, so that a timer has to run."""
        return self._has_turn

    def send(self, apdu: bytes) -> None:
        """Queue `apdu` in as many I frames as it takes, for the client's poll; LocalError where the link is down."""
        if not self.connected:
            raise LocalError("no HDLC link: the client has to connect first")
        self._transfer.queue(apdu)
        self._owner_works = False
        self.pass_turn()

    def pass_turn(self) -> None:
        """Give the turn back, if it is here: with what there is to send, or an acknowledgement alone."""
        if self._has_turn:
            self._use_turn()

    def timeout(self) -> None:
        """The owner has not answered in time: tell the client that its request arrived."""
        self.pass_turn()

    def handle(self, frame: Frame) -> list[bytes]:
        """The APDUs that `frame` completes; faults of the client are answered with FRMR or DM, as the standard says."""
        match frame.kind:
            case Kind.UI:
                return self._take_unconfirmed_apdu(frame)
            case Kind.SNRM:
                self._take_snrm(frame)
            case Kind.DISC:
                self._take_disc()
            case _ if not self.connected:
                self._answer(frame, Kind.DM)
            case _ if self._rejection is not None:
                self._answer(frame, Kind.FRMR, self._rejection)
            case Kind.I:
                return self._take_information(frame)
            case Kind.RR | Kind.RNR | Kind.REJ:
                self._take_supervisory(frame)
            case _:
                self._reject(frame, _UNDEFINED_CONTROL)
        return []

    def _take_unconfirmed_apdu(self, frame: Frame) -> list[bytes]:
        try:
            return self._take_unconfirmed(frame)
        except DecodeError:
            return []  # nobody is told about a lost UI frame either

    def _take_snrm(self, frame: Frame) -> None:
        try:
            agreed = self.proposed.agreed_with(decode_parameters(frame.information))
        except DecodeError:
            self._answer(frame, Kind.DM)
            return
        self._transfer.forget()
        self._transfer.reset(agreed)
        self._has_turn = self._owner_works = self._peer_busy = False
        self._rejection = self._unconfirmed = None
        self.state = LinkState.CONNECTED
        self.epoch += 1
        self._emit(unnumbered(Kind.UA), encode_all_parameters(agreed))

    def _take_disc(self) -> None:
        if self.connected:
            # As meters in the field do: one common client reads no UA that carries nothing.
            self._emit(unnumbered(Kind.UA), encode_all_parameters(self.parameters))
        else:
            self._emit(unnumbered(Kind.DM))
        self._transfer.forget()
        self._has_turn = self._owner_works = False
        self._rejection = self._unconfirmed = None
        self.state = LinkState.DISCONNECTED

    def _answer(self, frame: Frame, kind: Kind, info: bytes = b"") -> None:
        if frame.poll_final:
            self._emit(unnumbered(kind), info)

    def _reject(self, frame: Frame, reason: int) -> None:
        """Answer FRMR, now and until the client sets the link up again: the numbers can't be trusted any more."""
        numbers = self._transfer.receive_next << 5 | self._transfer.send_next << 1
        self._rejection = bytes((frame.control, numbers, reason))
        self._has_turn = self._owner_works = False
        self._answer(frame, Kind.FRMR, self._rejection)

    def _take_information(self, frame: Frame) -> list[bytes]:
        if len(frame.information) > self.parameters.receive_information:
            self._reject(frame, _INFORMATION_TOO_LONG)
            return []
        if not self._acknowledge(frame):
            return []
        self._peer_busy = False
        self._has_turn = self._has_turn or frame.poll_final
        apdus: list[bytes] = []
        try:
            if self._transfer.accept(frame) and not frame.segmented:
                apdus = self._take_apdu()
        except DecodeError:
            self._reject(frame, _INFORMATION_TOO_LONG)
            return []
        if self._has_turn and (self._transfer.unacknowledged or not self._owner_works):
            self._use_turn()
        return apdus

    def _take_apdu(self) -> list[bytes]:
        try:
            apdu = self._transfer.take_apdu()
        except DecodeError:
            return []  # no LLC header: confirmed, and thrown away as an LLC does
        self._owner_works = True
        return [apdu]

    def _take_supervisory(self, frame: Frame) -> None:
        if self._acknowledge(frame):
            self._peer_busy = frame.kind is Kind.RNR
            if frame.poll_final:
                self._use_turn()

    def _acknowledge(self, frame: Frame) -> bool:
        try:
            self._transfer.acknowledge(frame.receive)
        except DecodeError:
            self._reject(frame, _WRONG_RECEIVE_NUMBER)
            return False
        return True

    def _use_turn(self) -> None:
        self._has_turn = False
        frames = [] if self._peer_busy else self._transfer.unconfirmed_frames() or self._transfer.next_frames()
        if frames:
            self._emit_information(frames)
        else:
            self._emit_ready()
