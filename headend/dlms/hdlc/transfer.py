"""What both ends of a link do alike: number I frames, keep the window, cut APDUs into segments and join them."""

from typing import NamedTuple

from headend.dlms.errors import DecodeError
from headend.dlms.hdlc.frame import Frame
from headend.dlms.hdlc.llc import strip_llc
from headend.dlms.hdlc.parameters import DEFAULT_PARAMETERS, LinkParameters

#: Sequence numbers have three bits.
_MODULUS = 8


class Segment(NamedTuple):
    """The information field of one I frame and whether more of the same APDU follow."""

    information: bytes
    segmented: bool


class Transfer:
    """The numbered exchange of one link in one direction each: V(S), V(R), segments to send, the APDU being joined."""

    __slots__ = ("_assembly", "_largest_apdu", "_llc", "_sent", "_waiting", "parameters", "receive_next", "send_next")

    def __init__(self, llc: bytes, largest_apdu: int) -> None:
        self._llc = llc
        self._largest_apdu = largest_apdu
        self._waiting: list[Segment] = []  # one or two, so that a deque of 600 octets would be waste
        self.reset(DEFAULT_PARAMETERS)

    def reset(self, parameters: LinkParameters) -> None:
        """A new link: numbers from 0, nothing on the way; what waits to be sent stays (it was queued for this link)."""
        self.parameters = parameters
        self.send_next = 0
        self.receive_next = 0
        self._sent: list[Segment] = []
        self._assembly: bytearray | None = None

    def forget(self) -> None:
        """The link is gone, and with it all that was to be sent."""
        self._waiting.clear()
        self.reset(DEFAULT_PARAMETERS)

    @property
    def unacknowledged(self) -> bool:
        """Whether I frames were sent that the peer hasn't confirmed."""
        return bool(self._sent)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send and nothing unconfirmed."""
        return not self._sent and not self._waiting

    @property
    def joining(self) -> bool:
        """Whether an APDU has begun to arrive and isn't whole."""
        return self._assembly is not None

    def queue(self, apdu: bytes) -> None:
        """Queue `apdu` for sending; it is cut when it goes out, since the sizes may not be agreed yet."""
        self._waiting.append(Segment(self._llc + apdu, segmented=False))

    def next_frames(self) -> list[tuple[int, Segment]]:
        """N(S) and segment of what the window lets through now; from then on unconfirmed."""
        frames: list[tuple[int, Segment]] = []
        while self._waiting and len(self._sent) < self.parameters.transmit_window:
            segment = self._cut()
            self._sent.append(segment)
            frames.append((self.send_next, segment))
            self.send_next = (self.send_next + 1) % _MODULUS
        return frames

    def _cut(self) -> Segment:
        largest = self.parameters.transmit_information
        whole = self._waiting.pop(0)
        if len(whole.information) <= largest:
            return whole
        self._waiting.insert(0, Segment(whole.information[largest:], segmented=False))
        return Segment(whole.information[:largest], segmented=True)

    def unconfirmed_frames(self) -> list[tuple[int, Segment]]:
        """N(S) and segment of everything sent and not confirmed, oldest first."""
        first = self.send_next - len(self._sent)
        return [((first + index) % _MODULUS, segment) for index, segment in enumerate(self._sent)]

    def acknowledge(self, receive: int) -> bool:
        """Take N(R) `receive`: whether it confirmed anything new. DecodeError where it confirms what was never sent."""
        count = (receive - self.send_next + len(self._sent)) % _MODULUS
        if count > len(self._sent):
            raise DecodeError(f"N(R) {receive} confirms frames that were not sent (next is {self.send_next})")
        del self._sent[:count]
        return count > 0

    def accept(self, frame: Frame) -> bool:
        """Take an I frame in if it is the next one; False for a repetition or behind a gap."""
        if frame.send != self.receive_next:
            return False
        self.receive_next = (self.receive_next + 1) % _MODULUS
        if self._assembly is None:
            self._assembly = bytearray()
        self._assembly += frame.information
        if len(self._assembly) > self._largest_apdu:
            raise DecodeError(f"segments of one APDU exceed {self._largest_apdu} octets")
        return True

    def take_apdu(self) -> bytes:
        """The APDU that the frame just accepted completes; DecodeError where its LLC header is missing."""
        octets = bytes(self._assembly or b"")
        self._assembly = None
        return strip_llc(octets)
