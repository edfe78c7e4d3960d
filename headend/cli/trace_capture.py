"""DLMS inside packet captures: payloads cut into wrapper PDUs and groups of HDLC frames, in the capture's order."""

from collections.abc import Iterator
from typing import Final

from headend.cli.pcap import Flow, Payload, read_payloads
from headend.cli.trace import Input
from headend.dlms.hdlc.control import Kind
from headend.dlms.hdlc.frame import Frame, FrameReader, encode_frame
from headend.dlms.hdlc.llc import strip_llc_if_there
from headend.dlms.trace import Form
from headend.dlms.wrapper import HEADER_LENGTH

_WRAPPER_VERSION: Final = b"\x00\x01"
_FLAG: Final = b"\x7e"
_GENERAL_BLOCK_TRANSFER: Final = 0xE0


def capture_inputs(octets: bytes, form: Form) -> Iterator[Input]:
    """Every DLMS message in a capture; flows that carry something else are passed over, unless `form` names them."""
    flows: dict[Flow, _WrapperFlow | _HdlcFlow | None] = {}
    for payload in read_payloads(octets):
        if payload.flow not in flows:
            flows[payload.flow] = _choose(payload, form)
        reader = flows[payload.flow]
        if reader is None:
            continue
        for message in reader.feed(payload.octets):
            about = {"packet": payload.packet, "from": payload.flow.source, "to": payload.flow.destination}
            yield Input(f"packet {payload.packet}", message, reader.form, about)


class _WrapperFlow:
    form = Form.WRAPPER

    def __init__(self) -> None:
        self._held = b""

    def feed(self, octets: bytes) -> Iterator[bytes]:
        self._held += octets
        while len(self._held) >= HEADER_LENGTH:
            if not self._held.startswith(_WRAPPER_VERSION):
                broken, self._held = self._held, b""
                yield broken  # the trace says what is wrong with it
                return
            end = HEADER_LENGTH + int.from_bytes(self._held[6:8], "big")
            if len(self._held) < end:
                return
            whole, self._held = self._held[:end], self._held[end:]
            yield whole


class _HdlcFlow:
    form = Form.HDLC

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._group: list[Frame] = []

    def feed(self, octets: bytes) -> Iterator[bytes]:
        for frame in self._reader.feed(octets):
            self._group.append(frame)
            if not _goes_on(frame):
                yield b"".join(map(encode_frame, self._group))
                self._group = []


def _goes_on(frame: Frame) -> bool:
    """Whether the message in `frame` is continued in the next one."""
    if frame.kind not in (Kind.I, Kind.UI):
        return False
    block = strip_llc_if_there(frame.information)[:2]
    return frame.segmented or (len(block) == 2 and block[0] == _GENERAL_BLOCK_TRANSFER and block[1] < 0x80)


def _choose(payload: Payload, form: Form) -> _WrapperFlow | _HdlcFlow | None:
    if form is Form.WRAPPER or (form is Form.AUTO and payload.octets.startswith(_WRAPPER_VERSION)):
        return _WrapperFlow()
    if form is Form.HDLC or (form is Form.AUTO and payload.octets.startswith(_FLAG)):
        return _HdlcFlow()
    return None
