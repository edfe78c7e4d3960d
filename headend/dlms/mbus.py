"""Long frames of wired M-Bus that carry APDUs (Green Book 8.5, EN 13757-2): read only, as customer ports push them."""

from collections.abc import Iterable
from typing import NamedTuple

from headend.dlms.errors import DecodeError

_START, _STOP = 0x68, 0x16

#: The CI field of a segment of the DLMS transport layer: five bits, of which one says that it is the last.
_LAST_SEGMENT = 0x10
_SEQUENCE = 0x0F
_TRANSPORT_LAYER_END = 0x20

#: C, A, CI and the two SAPs.
_LEAST_LENGTH = 5


class MbusFrame(NamedTuple):
    """One M-Bus long frame: C, A and CI fields, source and destination SAP, and its part of an APDU."""

    control: int
    address: int
    ci: int
    source: int
    destination: int
    information: bytes

    @property
    def length(self) -> int:
        """What both length octets hold."""
        return _LEAST_LENGTH + len(self.information)

    @property
    def sequence(self) -> int:
        """The number of the segment, modulo 16."""
        return self.ci & _SEQUENCE

    @property
    def last(self) -> bool:
        """Whether the APDU ends here."""
        return bool(self.ci & _LAST_SEGMENT)


def decode_mbus_frame(octets: bytes, offset: int = 0) -> tuple[MbusFrame, int]:
    """The long frame at `offset` and the offset after it; DecodeError where lengths, checksum or marks do not fit."""
    head = octets[offset : offset + 4]
    if len(head) < 4 or head[0] != _START or head[3] != _START:
        raise DecodeError(f"M-Bus long frame starts with 68 L L 68, not {head.hex(' ')}", offset)
    length = head[1]
    if length != head[2]:
        raise DecodeError(f"M-Bus length octets {length} and {head[2]} differ", offset + 1)
    end = offset + length + 6
    if length < _LEAST_LENGTH or len(octets) < end:
        raise DecodeError(f"M-Bus length {length}, {len(octets) - offset - 4} octets follow", offset + 1)
    body = octets[offset + 4 : end - 2]
    if sum(body) & 0xFF != octets[end - 2]:
        raise DecodeError(f"M-Bus checksum {octets[end - 2]:02x}, it should be {sum(body) & 0xFF:02x}", end - 2)
    if octets[end - 1] != _STOP:
        raise DecodeError(f"M-Bus frame ends with 16, not {octets[end - 1]:02x}", end - 1)
    if body[2] >= _TRANSPORT_LAYER_END:
        raise DecodeError(f"CI field {body[2]:02x} is none of the DLMS transport layer (00 to 1F)", offset + 6)
    return MbusFrame(body[0], body[1], body[2], body[3], body[4], bytes(body[5:])), end


def decode_mbus_frames(octets: bytes) -> list[MbusFrame]:
    """All long frames of a capture; DecodeError on anything else in it."""
    frames: list[MbusFrame] = []
    at = 0
    while at < len(octets):
        frame, at = decode_mbus_frame(octets, at)
        frames.append(frame)
    return frames


def encode_mbus_frame(frame: MbusFrame) -> bytes:
    """The whole long frame; the information field holds at most 250 octets."""
    body = bytes(frame[:5]) + frame.information
    return bytes((_START, len(body), len(body), _START)) + body + bytes((sum(body) & 0xFF, _STOP))


def join_mbus_frames(frames: Iterable[MbusFrame]) -> bytes:
    """The APDU that the segments make; DecodeError where one is missing, doubled, or the last one isn't there."""
    apdu = bytearray()
    expected = 0
    finished = False
    for frame in frames:
        if finished:
            raise DecodeError("an M-Bus segment follows the last one")
        if frame.sequence != expected:
            raise DecodeError(f"M-Bus segment {frame.sequence}, expected {expected}")
        apdu += frame.information
        expected = (expected + 1) & _SEQUENCE
        finished = frame.last
    if not finished:
        raise DecodeError("the last M-Bus segment is missing")
    return bytes(apdu)
