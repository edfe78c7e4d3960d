from headend.dlms.errors import DecodeError, LocalError, RemoteError
from headend.dlms.hdlc.address import Address
from headend.dlms.hdlc.control import Kind, unnumbered
from headend.dlms.hdlc.frame import Frame
from headend.dlms.hdlc.link import Link, LinkState
from headend.dlms.hdlc.llc import COMMAND
from headend.dlms.hdlc.parameters import LinkParameters, decode_parameters, encode_parameters

#: How often in a row the server may be asked without an answer, or be sent the same frames without taking them. Three
#: lost frames in a row on a line that works are rare; more tries only make a dead meter cost more time.
ATTEMPTS = 3


class ClientLink(Link):
    """The client's end of one link to one server; see `link` for the rules."""

    __slots__ = ("_awaiting_apdu", "_most_attempts", "_polled", "_progress", "_unanswered", "_unhelpful")

    def __init__(self, client: Address, server: Address, parameters: LinkParameters, attempts: int = ATTEMPTS) -> None:
        super().__init__(client, server, COMMAND, parameters)
        self._most_attempts = attempts
        self._unanswered = 0
        self._unhelpful = 0
        #: The turn was given away by a poll, and no final bit has come yet.
        self._polled = False
        #: A request went out, and no APDU came since.
        self._awaiting_apdu = False
        self._progress = False

    @property
    def waiting(self) -> bool:
        """Whether the server owes something, so that a timer has to run."""
        return self.state in (LinkState.CONNECTING, LinkState.DISCONNECTING) or (
            self.connected and (self._polled or self._awaiting_apdu)
        )

    def connect(self) -> None:
        """Queue SNRM; LocalError where the link is not down."""
        if self.state is not LinkState.DISCONNECTED:
            raise LocalError("the HDLC link is up or being set up already")
        self._transfer.forget()
        self.state = LinkState.CONNECTING
        self._unanswered = self._unhelpful = 0
        self._emit(unnumbered(Kind.SNRM), encode_parameters(self.proposed))

    def disconnect(self) -> None:
        """Queue DISC; nothing where the link is down."""
        if self.state in (LinkState.CONNECTING, LinkState.CONNECTED):
            self.state = LinkState.DISCONNECTING
            self._unanswered = 0
            self._emit(unnumbered(Kind.DISC))

    def send(self, apdu: bytes) -> None:
        """Queue `apdu` in as many I frames as it takes; LocalError where no link is up or being set up."""
        if self.state not in (LinkState.CONNECTING, LinkState.CONNECTED):
            raise LocalError("no HDLC link: connect before sending")
        self._transfer.queue(apdu)
        self._awaiting_apdu = True
        if self.connected and not self._polled:
            self._use_turn()

    def handle(self, frame: Frame) -> list[bytes]:
        """The APDUs that `frame` completes; RemoteError (link down) where the server refuses or breaks the rules."""
        try:
            return self._handle(frame)
        except RemoteError:
            self._lose()
            raise

    def timeout(self) -> None:
        """Nothing came in time: ask again. RemoteError after too many times; a link being taken down just ends."""
        if not self.waiting:
            return
        self._unanswered += 1
        if self._unanswered >= self._most_attempts:
            self._give_up()
            return
        if self.state is LinkState.CONNECTED:
            self._poll()
        elif self.state is LinkState.CONNECTING:
            self._emit(unnumbered(Kind.SNRM), encode_parameters(self.proposed))
        else:
            self._emit(unnumbered(Kind.DISC))

    def _give_up(self) -> None:
        state = self.state
        self._lose()
        if state is not LinkState.DISCONNECTING:
            what = "SNRM" if state is LinkState.CONNECTING else "what the HDLC link asked"
            raise RemoteError(f"no answer to {what} in {self._most_attempts} attempts")

    def _handle(self, frame: Frame) -> list[bytes]:
        self._unanswered = 0
        match frame.kind:
            case Kind.UI:
                return self._take_unconfirmed(frame)
            case Kind.UA:
                self._take_ua(frame)
            case Kind.DM:
                self._take_dm()
            case _ if not self.connected:
                return []  # a late frame of an earlier link
            case Kind.I:
                return self._take_information(frame)
            case Kind.RR | Kind.RNR | Kind.REJ:
                self._take_supervisory(frame)
            case Kind.FRMR:
                raise RemoteError(f"the meter rejected a frame (FRMR {frame.information.hex()})")
            case _:
                raise DecodeError(f"control octet {frame.control:02x} is no answer of a server")
        return []

    def _take_ua(self, frame: Frame) -> None:
        if self.state is LinkState.CONNECTING:
            agreed = self.proposed.agreed_with(decode_parameters(frame.information))
            self._transfer.reset(agreed)
            self.state = LinkState.CONNECTED
            self._polled = self._peer_busy = False
            if not self._transfer.idle:
                self._use_turn()
        elif self.state is LinkState.DISCONNECTING:
            self._lose()

    def _take_dm(self) -> None:
        if self.state is LinkState.CONNECTING:
            raise RemoteError("the meter refuses an HDLC link (DM in answer to SNRM)")
        if self.state is LinkState.CONNECTED:
            raise RemoteError("the meter has left the HDLC link (DM)")
        self._lose()

    def _take_information(self, frame: Frame) -> list[bytes]:
        self._acknowledge(frame)
        apdus: list[bytes] = []
        if self._transfer.accept(frame):
            self._progress = True
            if not frame.segmented:
                apdus.append(self._transfer.take_apdu())
                self._awaiting_apdu = not self._transfer.idle
        self._take_final(frame)
        return apdus

    def _take_supervisory(self, frame: Frame) -> None:
        self._peer_busy = frame.kind is Kind.RNR
        self._acknowledge(frame)
        self._take_final(frame)

    def _acknowledge(self, frame: Frame) -> None:
        if self._transfer.acknowledge(frame.receive):
            self._progress = True

    def _take_final(self, frame: Frame) -> None:
        if frame.poll_final and self._polled:
            self._polled = False
            self._use_turn()

    def _use_turn(self) -> None:
        """Send what is due; keep the turn where nothing is: then the owner's next APDU, or its timer, uses it."""
        if self._peer_busy or (self._transfer.idle and not self._transfer.joining):
            return
        if self._transfer.unacknowledged or self._transfer.joining:
            self._count_unhelpful()
        self._polled = True
        frames = self._transfer.unconfirmed_frames() or self._transfer.next_frames()
        if frames:
            self._emit_information(frames)
        else:
            self._emit_ready()

    def _count_unhelpful(self) -> None:
        """End a link on which the same is said again and again, as fast as the line carries it."""
        self._unhelpful = 0 if self._progress else self._unhelpful + 1
        self._progress = False
        if self._unhelpful >= self._most_attempts:
            raise RemoteError(f"the meter answers, but took or sent nothing new in {self._most_attempts} attempts")

    def _poll(self) -> None:
        self._polled = True
        self._emit_ready()

    def _lose(self) -> None:
        self.state = LinkState.DISCONNECTED
        self._transfer.forget()
        self._polled = self._awaiting_apdu = self._peer_busy = False
        self._unconfirmed = None
