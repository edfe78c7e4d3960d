"""Octets as they went over a line, cut into wrapper PDUs and groups of HDLC frames: one message each."""

from collections.abc import Iterator
from typing import Final

from headend.dlms.hdlc.control import Kind
from headend.dlms.hdlc.frame import Frame, FrameReader, encode_frame
from headend.dlms.hdlc.llc import strip_llc_if_there
from headend.dlms.trace.forms import Form
from headend.dlms.wrapper import HEADER_LENGTH

_WRAPPER_VERSION: Final = b"\x00\x01"
_FLAG: Final = b"\x7e"
_GENERAL_BLOCK_TRANSFER: Final = 0xE0


class WrapperFlow:
    """One direction of a connection that carries wrapper PDUs."""

    form = Form.WRAPPER

    def __init__(self) -> None:
        self._held = b""

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The messages that are whole with these octets."""
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


class HdlcFlow:
    """One direction of a line that carries HDLC frames."""

    form = Form.HDLC

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._group: list[Frame] = []

    def feed(self, octets: bytes) -> Iterator[bytes]:
        """The messages that are whole with these octets."""
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


def flow_of(octets: bytes, form: Form = Form.AUTO) -> WrapperFlow | HdlcFlow | None:
    """The flow that begins with `octets`; None for what is no DLMS, unless `form` names it."""
    if form is Form.WRAPPER or (form is Form.AUTO and octets.startswith(_WRAPPER_VERSION)):
        return WrapperFlow()
    if form is Form.HDLC or (form is Form.AUTO and octets.startswith(_FLAG)):
        return HdlcFlow()
    return None
