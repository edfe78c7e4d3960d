"""HDLC and M-Bus frames as a trace prints them, and the messages inside them."""

from typing import Final, NamedTuple

from headend.dlms.errors import DecodeError
from headend.dlms.hdlc.address import Address
from headend.dlms.hdlc.control import Kind
from headend.dlms.hdlc.frame import FLAG, Frame, FrameReader, decode_frame, encode_frame
from headend.dlms.hdlc.llc import COMMAND, RESPONSE
from headend.dlms.hdlc.parameters import decode_stated_parameters
from headend.dlms.mbus import MbusFrame
from headend.dlms.trace.values import Fields

_PARAMETER_NAMES: Final = {
    5: "max_info_transmit",
    6: "max_info_receive",
    7: "window_transmit",
    8: "window_receive",
}
_WITH_RECEIVE: Final = (Kind.I, Kind.RR, Kind.RNR, Kind.REJ)


class Captured(NamedTuple):
    """A frame, its octets between the flags, and where its information starts in the capture."""

    frame: Frame
    octets: bytes
    information_at: int


class Message(NamedTuple):
    """What frames carry together; `offset` is where it starts in the capture, None if it was put together."""

    octets: bytes
    offset: int | None
    llc: bool


def capture(octets: bytes) -> list[Captured]:
    """Every frame of a whole capture, neighbours sharing flags or not; DecodeError on anything else in it."""
    captured: list[Captured] = []
    at = 0
    while at < len(octets):
        frame, closing = decode_frame(octets, at)
        captured.append(_captured(frame, octets[at + 1 : closing], at + 1))
        shared = closing + 1 < len(octets) and octets[closing + 1] != FLAG
        at = closing if shared else closing + 1
    return captured


def capture_what_is_good(octets: bytes) -> tuple[list[Captured], int]:
    """The good frames of a capture, and how many octets between them are none."""
    reader = FrameReader()
    frames = [*reader.feed(octets), *reader.give_up()]
    return [_captured(frame, encode_frame(frame)[1:-1], 0) for frame in frames], max(reader.dropped - 1, 0)


def _captured(frame: Frame, octets: bytes, at: int) -> Captured:
    return Captured(frame, octets, at + 5 + frame.destination.size + frame.source.size)


def describe_frame(captured: Captured) -> Fields:
    """One HDLC frame."""
    frame, octets, _ = captured
    kind = frame.kind
    fields: Fields = {
        "format_type": octets[0] >> 4,
        "segmented": frame.segmented,
        "length": (octets[0] & 0x07) << 8 | octets[1],
        "destination": _address(frame.destination),
        "source": _address(frame.source),
        "control": f"{frame.control:02x}",
        "type": "unknown" if kind is None else kind.name,
    }
    if kind is Kind.I:
        fields["send_seq"] = frame.send
    if kind in _WITH_RECEIVE:
        fields["receive_seq"] = frame.receive
    fields["poll_final"] = frame.poll_final
    if frame.information:
        header = 3 + frame.destination.size + frame.source.size
        fields["hcs"] = octets[header : header + 2].hex()
    fields["fcs"] = octets[-2:].hex()
    fields["information"] = frame.information.hex()
    return fields | _information(frame, captured.information_at)


def _information(frame: Frame, at: int) -> Fields:
    if frame.kind in (Kind.SNRM, Kind.UA) and frame.information:
        try:
            stated = decode_stated_parameters(frame.information)
        except DecodeError as error:
            raise DecodeError(error.reason, at + (error.offset or 0)) from error
        names = {_PARAMETER_NAMES.get(number, str(number)): value for number, value in stated.items()}
        return {"parameters": names}
    if frame.kind in (Kind.I, Kind.UI) and frame.information[:3] in (COMMAND, RESPONSE):
        return {"llc": frame.information[:3].hex()}
    return {}


def _address(address: Address) -> Fields:
    fields: Fields = {"hex": address.octets.hex(), "upper": address.upper}
    return fields if address.lower is None else fields | {"lower": address.lower}


def messages(captured: list[Captured]) -> list[Message]:
    """The messages that I and UI frames carry, segments joined for each direction, LLC header taken off."""
    open_segments: dict[tuple[bytes, bytes], list[Captured]] = {}
    complete: list[Message] = []
    for item in captured:
        frame = item.frame
        if frame.kind not in (Kind.I, Kind.UI) or not frame.information:
            continue
        direction = (frame.destination.octets, frame.source.octets)
        segments = open_segments.setdefault(direction, [])
        segments.append(item)
        if not frame.segmented:
            complete.append(_join(segments))
            del open_segments[direction]
    return complete


def _join(segments: list[Captured]) -> Message:
    octets = b"".join(segment.frame.information for segment in segments)
    llc = octets[:3] in (COMMAND, RESPONSE)
    start = 3 if llc else 0
    offset = segments[0].information_at + start if len(segments) == 1 else None
    return Message(octets[start:], offset, llc)


def describe_mbus(frame: MbusFrame) -> Fields:
    """One M-Bus long frame."""
    return {
        "l": frame.length,
        "c": f"{frame.control:02x}",
        "a": f"{frame.address:02x}",
        "ci": f"{frame.ci:02x}",
        "stsap": frame.source,
        "dtsap": frame.destination,
    }
