"""The HDLC link of DLMS/COSEM (IEC 62056-46 6.4), unbalanced and two-way alternate, both roles.

A client (primary) and a server (secondary) share one line, and one of them has the turn. Who sets the poll bit (client)
or the final bit (server) gives the turn away. Everything else follows from that:

- The server speaks only when polled. A link lost on the way is the client's to notice: its owner runs a timer while
  `waiting` and calls `timeout`.
- The client never repeats an I frame because a timer ran out. It asks with RR where the server stands, and repeats only
  what the server's N(R) proves it has not got: a request that opens a relay is never carried out twice.
- A turn that comes back with I frames unconfirmed means they were lost: they go out again (checkpointing).

    client                                server
    SNRM, P ----------------------------> parameters proposed
            <----------------------- UA, F parameters agreed
    I 0, segmented, P ------------------>
            <---------------------- RR 1, F
    I 1, P -----------------------------> request whole, the server's owner works
            <---- I 0, segmented, no F      window 2
            <---- I 1, segmented, F
    RR 2, P ---------------------------->
            <---- I 2, F                    answer whole
    DISC, P ---------------------------->
            <----------------------- UA, F
"""

from enum import Enum, auto

from headend.dlms.errors import DecodeError
from headend.dlms.hdlc.address import Address
from headend.dlms.hdlc.control import POLL_FINAL, Kind, information, supervisory, unnumbered
from headend.dlms.hdlc.frame import Frame, encode_with_addresses
from headend.dlms.hdlc.llc import strip_llc_if_there
from headend.dlms.hdlc.parameters import LinkParameters
from headend.dlms.hdlc.transfer import Segment, Transfer

#: The most one APDU may grow to while its segments are joined (safety rule 12: 1 MiB per APDU, and copies are made).
LARGEST_APDU = 1 << 18


class LinkState(Enum):
    """Where a link stands; a server knows only the first and the third."""

    DISCONNECTED = auto()
    CONNECTING = auto()
    CONNECTED = auto()
    DISCONNECTING = auto()


class Link:
    """What both roles share: the frames they send, the numbers they keep, unconfirmed information."""

    __slots__ = (
        "_addresses",
        "_llc",
        "_output",
        "_peer_busy",
        "_transfer",
        "_unconfirmed",
        "busy",
        "local",
        "proposed",
        "state",
    )

    def __init__(self, local: Address, remote: Address, llc: bytes, parameters: LinkParameters) -> None:
        self.local = local
        self.state = LinkState.DISCONNECTED
        self.proposed = parameters
        #: Set while this side can't take I frames: its acknowledgements say RNR, and the peer waits.
        self.busy = False
        self._peer_busy = False
        self._llc = llc
        self._transfer = Transfer(llc, LARGEST_APDU)
        self._unconfirmed: bytearray | None = None
        self._addresses = remote.octets + local.octets
        self._output = b""

    @property
    def connected(self) -> bool:
        """Whether I frames may pass."""
        return self.state is LinkState.CONNECTED

    @property
    def parameters(self) -> LinkParameters:
        """What was agreed on when the link was set up; the defaults before."""
        return self._transfer.parameters

    def take_output(self) -> bytes:
        """The octets to send now; they are forgotten here."""
        output, self._output = self._output, b""
        return output

    def send_unconfirmed(self, apdu: bytes) -> None:
        """Queue `apdu` in UI frames: nobody confirms them, and a lost one is lost. Cut where it exceeds one frame."""
        octets = self._llc + apdu
        largest = self._transfer.parameters.transmit_information
        while len(octets) > largest:
            self._emit(unnumbered(Kind.UI, 0), octets[:largest], segmented=True)
            octets = octets[largest:]
        self._emit(unnumbered(Kind.UI, 0), octets)

    def _emit(self, control: int, info: bytes = b"", *, segmented: bool = False) -> None:
        self._output += encode_with_addresses(self._addresses, control, info, segmented)

    def _emit_information(self, frames: list[tuple[int, Segment]]) -> None:
        """Send I frames; the last one gives the turn away."""
        receive = self._transfer.receive_next
        for number, segment in frames[:-1]:
            self._emit(information(number, receive, 0), segment.information, segmented=segment.segmented)
        number, segment = frames[-1]
        self._emit(information(number, receive), segment.information, segmented=segment.segmented)

    def _emit_ready(self) -> None:
        """Confirm what arrived, and give the turn away."""
        self._emit(supervisory(Kind.RNR if self.busy else Kind.RR, self._transfer.receive_next, POLL_FINAL))

    def _take_unconfirmed(self, frame: Frame) -> list[bytes]:
        """The APDU that a UI frame completes, if it does."""
        begun = self._unconfirmed
        joined = frame.information if begun is None else bytes(begun + frame.information)
        self._unconfirmed = None
        if len(joined) > LARGEST_APDU:
            raise DecodeError(f"segments of one unconfirmed APDU exceed {LARGEST_APDU} octets")
        if frame.segmented:
            self._unconfirmed = bytearray(joined)
            return []
        return [strip_llc_if_there(joined)] if joined else []
