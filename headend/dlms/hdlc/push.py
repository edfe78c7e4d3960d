from headend.dlms.errors import DecodeError
from headend.dlms.hdlc.address import Address
from headend.dlms.hdlc.control import Kind
from headend.dlms.hdlc.frame import Frame, FrameReader
from headend.dlms.hdlc.link import LARGEST_APDU
from headend.dlms.hdlc.llc import strip_llc_if_there

#: Senders on one line whose unfinished APDU is kept; the one begun first gives way.
_MOST_UNFINISHED = 16


class PushReader:
    """Reads what meters push over HDLC without a link: UI frames, or I frames that nobody confirms.

    Nothing is ever sent. Segments are joined per sender; an APDU that lost its end is dropped when the LLC header
    of the next shows up. `oversized` counts APDUs dropped for their size.
    """

    def __init__(self) -> None:
        self.oversized = 0
        self._reader = FrameReader()
        self._unfinished: dict[Address, bytes] = {}

    @property
    def dropped(self) -> int:
        """How many octets were no part of a good frame."""
        return self._reader.dropped

    def feed(self, octets: bytes) -> list[tuple[Address, bytes]]:
        """The APDUs that `octets` complete, each with its sender."""
        return self._join(self._reader.feed(octets))

    def timeout(self) -> list[tuple[Address, bytes]]:
        """The line fell silent: what lies behind a frame that will not become whole; unfinished APDUs are dropped."""
        found = self._join(self._reader.give_up())
        self._unfinished.clear()
        return found

    def _join(self, frames: list[Frame]) -> list[tuple[Address, bytes]]:
        found: list[tuple[Address, bytes]] = []
        for frame in frames:
            if frame.kind in (Kind.UI, Kind.I) and frame.information:
                try:
                    apdu = self._take(frame)
                except DecodeError:
                    self.oversized += 1
                    continue
                if apdu:
                    found.append((frame.source, apdu))
        return found

    def _take(self, frame: Frame) -> bytes | None:
        begun = self._unfinished.pop(frame.source, b"")
        apdu = strip_llc_if_there(frame.information)
        if begun and len(apdu) == len(frame.information):  # no LLC header of its own, so it goes on
            apdu = begun + apdu
        if len(apdu) > LARGEST_APDU:
            raise DecodeError(f"segments of one pushed APDU exceed {LARGEST_APDU} octets")
        if not frame.segmented:
            return apdu
        if len(self._unfinished) >= _MOST_UNFINISHED:
            del self._unfinished[next(iter(self._unfinished))]
        self._unfinished[frame.source] = apdu
        return None
