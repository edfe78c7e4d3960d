"""The buffer of a profile, read in pieces that an APDU holds, in the way that the meter takes."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from attrs import evolve, frozen

from headend.dlms.cosem import CaptureObject, CosemAttribute, CosemDateTime, SelectiveAccess, entry_access, range_access
from headend.dlms.enumerations import Conformance
from headend.meters.clock import DeviationSign, clock_octets
from headend.meters.model import Profile
from headend.meters.profiles import ProfileReader
from headend.meters.reading import ProfileRow, ProfileRows
from headend.session.errors import AccessDenied, ServiceRefused
from headend.session.services import Services
from headend.session.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BUFFER: Final = 2
ENTRIES_IN_USE: Final = 7
#: Rows in one answer: with the 19 columns of the widest profile still below the limit on elements of one value, and a
#: piece that a slow line brings over before somebody hangs up.
MOST_ROWS: Final = 2000
#: Rows beyond what the span needs: the meter may capture late, and its clock may be a little off.
_SPARE_ROWS: Final = 2
_SECOND: Final = timedelta(seconds=1)

Rows = list[tuple[Any, ...]]
#: What a meter answers to a way of selecting that it does not know.
_Refused = (AccessDenied, ServiceRefused)


@frozen
class Span:
    """Rows captured from `since` to `until`, both included, None: no limit on that side; read `now`. All aware."""

    since: datetime | None
    until: datetime | None
    now: datetime

    def __contains__(self, row: ProfileRow) -> bool:
        """Whether a row was captured inside."""
        after = self.since is None or row.time >= self.since
        return after and (self.until is None or row.time <= self.until)

    def pieces(self, length: timedelta) -> "Iterator[Span]":
        """The span in pieces of at most `length`; whole where its beginning is open."""
        since = self.since
        end = self.until or self.now
        while since is not None and since + length < end:
            yield evolve(self, since=since, until=since + length)
            since += length + _SECOND
        yield evolve(self, since=since)


class Buffer:
    """Reads one profile of one meter; what the meter refused once is not asked again."""

    __slots__ = ("_attribute", "_by_entry", "_by_range", "_clock", "_profile", "_reader", "_services", "_whole")

    def __init__(self, services: Services, profile: Profile, shape: Shape, reader: ProfileReader) -> None:
        self._services = services
        self._profile = profile
        self._reader = reader
        self._attribute = CosemAttribute(profile.class_id, profile.obis, BUFFER)
        self._clock = shape.captured[reader.clock_index]
        selective = bool(services.link.connection.conformance & Conformance.SELECTIVE_ACCESS)
        self._by_range = self._by_entry = selective
        self._whole = False

    async def read(self, span: Span) -> ProfileRows:
        """The rows of the span, in the meter's order; DecodeError where they don't fit what is captured."""
        found: list[ProfileRow] = []
        period = self._reader.period
        pieces = span.pieces(period * MOST_ROWS) if period else iter((span,))
        for piece in pieces:
            raw = await self._piece(piece)
            found.extend(_inside(self._reader.rows(raw).rows, span if self._whole else piece))
            if self._whole:
                break
        return ProfileRows(self._reader.profile, self._reader.columns, tuple(found))

    async def _piece(self, piece: Span) -> Rows:
        if piece.since is None and piece.until is None:
            return await self._all()
        if self._by_range:
            try:
                return await self._get(_range(self._clock, piece, self._reader.zone))
            except _Refused:
                self._by_range = False
        return await self._all() if piece.since is None else await self._newest(piece, piece.since)

    async def _newest(self, piece: Span, since: datetime) -> Rows:
        """The newest entries, as many as the piece can hold by the profile's period."""
        in_use = await self._entries_in_use()
        period = self._reader.period
        if not in_use or not period:
            return await self._all()
        wanted = (piece.now - since) // period + 1 + _SPARE_ROWS
        newer = 0 if piece.until is None else max(0, (piece.now - piece.until) // period - _SPARE_ROWS)
        last = max(1, in_use - newer)
        try:
            return await self._get(entry_access(min(last, max(1, in_use - wanted + 1)), last))
        except _Refused:
            self._by_entry = False
            return await self._all()

    async def _all(self) -> Rows:
        """Everything, in pages of entries where it is much."""
        self._whole = True
        in_use = await self._entries_in_use()
        if in_use <= MOST_ROWS:
            return await self._get(None)
        rows: Rows = []
        try:
            for first in range(1, in_use + 1, MOST_ROWS):
                rows += await self._get(entry_access(first, min(in_use, first + MOST_ROWS - 1)))
        except _Refused:
            self._by_entry = False
            return await self._get(None)
        return rows

    async def _entries_in_use(self) -> int:
        """How many entries there are; 0 where they can't be selected, or the meter doesn't tell."""
        if not self._by_entry:
            return 0
        try:
            value = await self._services.get(CosemAttribute(self._profile.class_id, self._profile.obis, ENTRIES_IN_USE))
        except _Refused:
            return 0
        return value.value if isinstance(value.value, int) else 0

    async def _get(self, access: SelectiveAccess | None) -> Rows:
        return await self._services.get_rows(self._attribute, access)


def _inside(rows: tuple[ProfileRow, ...], span: Span) -> "Iterable[ProfileRow]":
    """The rows captured in the span: nearly always all of them, since the meter selects."""
    if not rows:
        return ()
    times = [row.time for row in rows]
    low, high = span.since, span.until
    if (low is None or min(times) >= low) and (high is None or max(times) <= high):
        return rows
    return [row for row in rows if row in span]


def _range(restricting: CaptureObject, span: Span, zone: ZoneInfo) -> SelectiveAccess:
    return range_access(_bound(span.since, 2000, zone), _bound(span.until, 2099, zone), restricting=restricting)


def _bound(moment: datetime | None, open_year: int, zone: ZoneInfo) -> CosemDateTime:
    """Local time with its deviation left out: it means the same to a meter with either sign."""
    moment = moment or datetime(open_year, 1, 1, tzinfo=zone)
    return CosemDateTime(clock_octets(moment, zone, DeviationSign.UNSPECIFIED))
