"""Frames of HDLC, format type 3 (IEC 62056-46 6.4): encode, decode, and find them in a stream of octets."""

import re
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from headend.dlms.errors import DecodeError, LocalError
from headend.dlms.hdlc.address import Address, decode_address
from headend.dlms.hdlc.control import KINDS, POLL_FINAL, Kind
from headend.dlms.hdlc.crc import RESIDUE, crc

FLAG = 0x7E
_FLAG = b"\x7e"

#: Format type 3 stands in the upper four bits of the format field, the length in the lower eleven.
_FORMAT_TYPE = 0xA000
_SEGMENTED = 0x0800
LONGEST_FRAME = 0x07FF

_EVEN = b"[" + b"".join(re.escape(bytes((octet,))) for octet in range(0, 256, 2)) + b"]"
_ODD = b"[" + b"".join(re.escape(bytes((octet,))) for octet in range(1, 256, 2)) + b"]"
_ADDRESS = b"(%b?%b|%b{3}%b)" % (_EVEN, _ODD, _EVEN, _ODD)

#: What stands before the control octet: format, destination (group 1), source (group 2).
_HEADER = re.compile(rb"[\xa0-\xaf][\s\S]" + _ADDRESS + _ADDRESS)

#: A flag that may open a frame: a whole header follows it, or the octets end inside one (then there are no groups).
_OPENING = re.compile(
    rb"\x7e(?:[\xa0-\xaf][\s\S]"
    + _ADDRESS
    + _ADDRESS
    + rb"|(?:[\xa0-\xaf](?:[\s\S](?:"
    + _ADDRESS.replace(b"(", b"(?:")
    + b")?"
    + _EVEN
    + rb"{0,3})?)?\Z)"
)

#: Format (2), two addresses of an octet, control (1), check sequence (2): nothing shorter is a frame.
SHORTEST_FRAME = 7

#: Format, two addresses of four octets, control, header check sequence.
_LONGEST_CHECKED_HEAD = 13

_CHECK = Struct("<H").pack


class Frame(NamedTuple):
    """One HDLC frame without flags and check sequences."""

    destination: Address
    source: Address
    control: int
    information: bytes = b""
    segmented: bool = False

    @property
    def kind(self) -> Kind | None:
        """What kind of frame; None where the control octet is not defined."""
        return KINDS[self.control]

    @property
    def poll_final(self) -> bool:
        """Whether the P/F bit is set."""
        return bool(self.control & POLL_FINAL)

    @property
    def send(self) -> int:
        """N(S) of an I frame."""
        return self.control >> 1 & 7

    @property
    def receive(self) -> int:
        """N(R) of an I, RR, RNR or REJ frame."""
        return self.control >> 5

    @property
    def length(self) -> int:
        """What the length field holds: all octets between the flags."""
        head = 3 + self.destination.size + self.source.size
        return head + 2 + (2 + len(self.information) if self.information else 0)


def encode_frame(frame: Frame) -> bytes:
    """The whole frame with both flags; LocalError where it does not fit into 2047 octets."""
    destination, source, control, information, segmented = frame
    return encode_with_addresses(destination.octets + source.octets, control, information, segmented)


def encode_with_addresses(addresses: bytes, control: int, information: bytes, segmented: bool) -> bytes:  # noqa: FBT001
    """As `encode_frame`, with destination and source already as octets: the hot path of a link."""
    if not information:
        body = _head(addresses, control, len(addresses) + 5, segmented)
    else:
        length = len(addresses) + len(information) + 7
        if length > LONGEST_FRAME:
            raise LocalError(f"HDLC frame of {length} octets, the length field holds at most {LONGEST_FRAME}")
        body = _checked_head(addresses, control, length, segmented) + information
    return _FLAG + body + _CHECK(crc(body)) + _FLAG


def _head(addresses: bytes, control: int, length: int, segmented: bool) -> bytes:  # noqa: FBT001
    return (_FORMAT_TYPE | (segmented and _SEGMENTED) | length).to_bytes(2) + addresses + bytes((control,))


@lru_cache(maxsize=2048)
def _checked_head(addresses: bytes, control: int, length: int, segmented: bool) -> bytes:  # noqa: FBT001
    """The header with its check sequence; a link repeats few of them."""
    head = _head(addresses, control, length, segmented)
    return head + _CHECK(crc(head))


def decode_frame(octets: bytes | bytearray, offset: int = 0) -> tuple[Frame, int]:
    """The frame whose opening flag is at `offset`, and the offset of its closing flag, which may open the next frame.

    DecodeError where it is cut, its lengths do not agree or a check sequence fails.
    """
    start = offset + 1
    if len(octets) < start + SHORTEST_FRAME:
        raise DecodeError(f"frame ends after {max(len(octets) - start, 0)} octets", offset)
    if octets[offset] != FLAG:
        raise DecodeError("no opening flag 7E", offset)
    first = octets[start]
    if first & 0xF0 != 0xA0:
        raise DecodeError(f"format type {first >> 4:x}, HDLC of DLMS uses a (type 3)", start)
    length = (first & 0x07) << 8 | octets[start + 1]
    end = start + length
    if len(octets) <= end:
        raise DecodeError(f"frame says {length} octets, {len(octets) - start} follow its opening flag", start)
    if octets[end] != FLAG:
        raise DecodeError(f"no closing flag where length {length} says, but {octets[end]:02x}", end)
    return _decode_body(bytes(octets[start:end]), start), end


def _decode_body(body: bytes, offset: int) -> Frame:
    if crc(body) != RESIDUE:
        raise DecodeError(f"frame check sequence {body[-2:].hex()} does not fit", offset + len(body) - 2)
    if len(body) < _LONGEST_CHECKED_HEAD:
        return _decode_short_body(body, offset)
    at = 3 if body[2] & 1 else 4 if body[3] & 1 else 6
    at += 4 if body[at] & 1 else 5 if body[at + 1] & 1 else 7  # the source, the control octet, the header check
    return _frame_with_information(body, at, offset)


def _decode_short_body(body: bytes, offset: int) -> Frame:
    header = _HEADER.match(body)
    if header is None or len(body) < header.end() + 3:
        raise DecodeError("no two addresses of 1, 2 or 4 octets and a control octet", offset + 2)
    end = header.end() + 3
    if len(body) == end:  # no information: the one check sequence is that of the frame
        destination, source = header.groups()
        return Frame(decode_address(destination), decode_address(source), body[end - 3], b"", bool(body[0] & 0x08))
    if len(body) < end + 2:
        raise DecodeError(f"frame of {len(body)} octets has no room for two check sequences", offset)
    return _frame_with_information(body, end, offset)


def _frame_with_information(body: bytes, at: int, offset: int) -> Frame:
    try:
        destination, source, control, segmented = _decode_checked_head(body[:at])
    except DecodeError as fault:
        raise DecodeError(fault.reason, offset + (fault.offset or 0)) from None
    # Frame(...) itself costs twice as much, and this is the hot path
    return tuple.__new__(Frame, (destination, source, control, body[at:-2], segmented))


@lru_cache(maxsize=2048)
def _decode_checked_head(head: bytes) -> tuple[Address, Address, int, bool]:
    """Destination, source, control and segmentation of a header that ends with its check sequence."""
    header = _HEADER.fullmatch(head, 0, len(head) - 3)
    if header is None:
        raise DecodeError("no two addresses of 1, 2 or 4 octets", 2)
    if crc(head) != RESIDUE:
        raise DecodeError(f"header check sequence {head[-2:].hex()} does not fit", len(head) - 2)
    destination, source = header.groups()
    return decode_address(destination), decode_address(source), head[-3], bool(head[0] & 0x08)


def decode_frames(octets: bytes) -> list[Frame]:
    """All frames of a whole capture, in which neighbours may share a flag; DecodeError on anything else in it."""
    frames: list[Frame] = []
    at = 0
    while at < len(octets):
        frame, closing = decode_frame(octets, at)
        frames.append(frame)
        following = octets[closing + 1 : closing + 2]
        at = closing if following and following != _FLAG else closing + 1
    return frames


class FrameReader:
    """Finds frames in a stream: give it octets in any chunks, it gives the good frames and drops the rest.

    A frame that can't be right (format, address, header check, closing flag, frame check) costs nothing but itself: the
    search goes on behind its opening flag. At most one frame (2049 octets) is held. `dropped` counts the octets thrown
    away. A frame that lost octets on the way looks unfinished until more come; `give_up` ends that wait.
    """

    __slots__ = ("_input", "_needed", "dropped")

    def __init__(self) -> None:
        self._input = bytearray()
        self._needed = 0
        self.dropped = 0

    @property
    def pending(self) -> int:
        """How many octets of an unfinished frame are held; a closing flag, which may open the next one, is one."""
        return len(self._input)

    def feed(self, octets: bytes) -> list[Frame]:
        """The good frames that `octets` complete, in their order."""
        if len(self._input) < 2 and octets[:1] == _FLAG == octets[-1:]:
            frame = _whole_frame(octets)
            if frame is not None:
                self._input[:] = _FLAG
                return [frame]
        self._input += octets
        return self._search() if len(self._input) >= self._needed else []

    def give_up(self) -> list[Frame]:
        """Stop waiting for the rest of an unfinished frame (a timer ran out): good frames inside what it swallowed."""
        frames: list[Frame] = []
        while self._input:
            self._drop(1)
            frames += self._search()
        return frames

    def _search(self) -> list[Frame]:
        octets = self._input
        frames: list[Frame] = []
        while (opening := _OPENING.search(octets)) is not None:
            self._drop(opening.start())
            self._needed = _octets_needed(octets, opening.end(2) - opening.start())
            if self._needed > len(octets):
                return frames
            if not self._needed:
                self._drop(1)
                continue
            try:
                frame, end = decode_frame(octets)
            except DecodeError:
                self._drop(1)
            else:
                frames.append(frame)
                del octets[:end]
        self._drop(len(octets))
        return frames

    def _drop(self, count: int) -> None:
        self.dropped += count
        self._needed = 0
        del self._input[:count]


def _whole_frame(octets: bytes) -> Frame | None:
    try:
        frame, end = decode_frame(octets)
    except DecodeError:
        return None
    return frame if end + 1 == len(octets) else None


def _octets_needed(octets: bytearray, control_at: int) -> int:
    """How many octets must be there to judge the frame that opens at 0; `control_at` is positive once known.

    The header check is looked at as soon as it is there, so that a damaged length never makes the reader wait; what
    can't be right needs nothing more.
    """
    if control_at <= 0:
        return len(octets) + 1
    length = (octets[1] & 0x07) << 8 | octets[2]
    if length + 1 == control_at + 3:
        return length + 2
    header_end = control_at + 3
    if len(octets) < header_end:
        return header_end
    wrong = length + 1 < header_end + 2 or crc(bytes(octets[1:header_end])) != RESIDUE
    return 0 if wrong else length + 2
