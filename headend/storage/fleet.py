"""The fleet as collection, screens and the command line see it: FleetStore on SQLite."""

from collections.abc import Sequence
from datetime import datetime

from attrs import define, field

from headend.meters.inventory import Meter
from headend.meters.reading import ProfileRows, Reading
from headend.prepaid.caps import Caps
from headend.scheduler.gaps import Gap, Periodic
from headend.scheduler.ports import Judge, Judgement, Ours, ReadRequest, ReadResult, VisitRecord, everywhere
from headend.session.ports import Now
from headend.session.pushes import PushRecord
from headend.storage import gaps, requests
from headend.storage.clocksets import last_set
from headend.storage.gaps import GapCounts
from headend.storage.inventory import all_meters, find_meter, meter_id, pin_title
from headend.storage.profilerows import last_time, rows_between
from headend.storage.pushes import record_push
from headend.storage.readers import Readers
from headend.storage.registers import history, latest
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros, to_micros
from headend.storage.visits import record_visit
from headend.storage.writer import Writer


@define(eq=False)
class Fleet:
    """Meters, visits, readings, and what is asked of the collector."""

    _writer: Writer
    _readers: Readers
    _now: Now
    caps: Caps
    #: Register values and profile rows that committed visits of this process brought, those known already too.
    values: int = field(init=False, default=0)
    profile_rows: int = field(init=False, default=0)

    async def meters(self) -> list[Meter]:
        """The whole inventory, by serial."""
        return await self._readers.run(all_meters)

    async def meter(self, serial: str) -> Meter | None:
        """One meter of the inventory."""
        return await self._readers.run(lambda connection: find_meter(connection, serial))

    async def pin_system_title(self, serial: str, system_title: bytes) -> None:
        """Pin a learned system title; raises InventoryConflict when another one is pinned."""
        await self._writer.run(lambda connection: pin_title(connection, serial, system_title))

    async def record_visit(self, record: VisitRecord, judge: Judge | None) -> Judgement | None:
        """Write a visit in one transaction with the judgement made inside it."""
        judgement = await self._writer.run(
            lambda connection: record_visit(connection, self.caps, record, judge), calm=True
        )
        self.values += len(record.readings)
        self.profile_rows += sum(len(profile.rows) for profile in record.profiles)
        return judgement

    async def record_push(self, push: PushRecord) -> bool:
        """Write a push in one transaction with its counter; False, and nothing written, for a counter that was used."""
        return await self._writer.run(lambda connection: record_push(connection, push))

    async def last_row(self, meter: str, profile: str) -> datetime | None:
        """Capture time of the last stored row of a profile."""
        return await self._readers.look(lambda connection: last_time(connection, meter_id(connection, meter), profile))

    async def last_visits(self) -> dict[str, datetime]:
        """When each meter was last visited with outcome DONE."""
        return await self._readers.run(_last_visits)

    async def served_since(self, schedule: str, since: datetime) -> set[str]:
        """The meters at which the tasks of a schedule were done at or after `since`."""
        return await self._readers.run(lambda connection: _served_since(connection, schedule, since))

    async def last_clock_set(self, serial: str) -> datetime | None:
        """When a meter's clock was last set by us."""
        return await self._readers.look(lambda connection: last_set(connection, serial))

    async def search_gaps(self, wanted: Sequence[tuple[str, Sequence[Periodic]]]) -> dict[str, tuple[Gap, ...]]:
        """Look at what came to these meters' profiles; their open gaps by serial, where there are any."""
        now = self._now()
        return await self._writer.run(lambda connection: _search_gaps(connection, wanted, now))

    async def flags(self, meter: str, profile: str, since: datetime, until: datetime) -> set[tuple[datetime, str]]:
        """Capture times of doubtful rows with since <= time < until, each with `late`, `future` or `clock`."""
        return await self._readers.run(
            lambda connection: gaps.flags(connection, meter_id(connection, meter), profile, since, until)
        )

    async def gap_counts(self) -> GapCounts:
        """Gaps of the fleet by what became of them."""
        return await self._readers.run(gaps.counts)

    async def claim_slot(self, schedule: str, slot: datetime) -> bool:
        """True once for a schedule and slot, whoever asks and however often."""
        return await self._writer.run(lambda connection: requests.claim(connection, schedule, slot))

    async def new_read_requests(self, ours: Ours = everywhere) -> list[ReadRequest]:
        """Read requests for meters of ours that nobody has taken yet; each is given out once."""
        # Asked several times a second and nearly always empty: look first, since only a writer may take.
        if not await self._readers.run(lambda connection: requests.new(connection, ours)):
            return []
        token = self._writer.token
        return await self._writer.run(lambda connection: requests.take_new(connection, ours, token))

    async def finish_read(self, request_id: int, result: ReadResult) -> None:
        """Answer a read request."""
        await self._writer.run(lambda connection: requests.finish(connection, request_id, result))

    async def ask_read(
        self, meter: str, profile: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> int:
        """Ask the daemon to read a meter; the number under which the answer will stand. Raises UnknownMeter."""
        return await self._writer.run(
            lambda connection: requests.ask(connection, meter, profile, since, until, self._now())
        )

    async def read_result(self, request_id: int) -> ReadResult | None:
        """The answer of a read request, None while there is none."""
        return await self._readers.run(lambda connection: requests.result_of(connection, request_id))

    async def read_meter(self, request_id: int) -> str | None:
        """The meter that a read request asks for, None for a request that there is not."""
        return await self._readers.run(lambda connection: requests.meter_of(connection, request_id))

    async def latest(self, meter: str) -> list[Reading]:
        """The newest value of each register of a meter; raises UnknownMeter."""
        return await self._readers.run(lambda connection: latest(connection, meter_id(connection, meter)))

    async def history(self, meter: str, register: str, since: datetime, until: datetime) -> list[Reading]:
        """The values of a register with since <= time < until, oldest first; raises UnknownMeter."""
        return await self._readers.run(
            lambda connection: history(connection, meter_id(connection, meter), register, since, until)
        )

    async def rows(self, meter: str, profile: str, since: datetime, until: datetime) -> list[ProfileRows]:
        """Rows of a profile with since <= time < until, one piece a set of columns; raises UnknownMeter."""
        return await self._readers.run(
            lambda connection: rows_between(connection, meter_id(connection, meter), profile, since, until)
        )


def _last_visits(connection: Connection) -> dict[str, datetime]:
    rows = connection.execute(
        "SELECT m.serial, s.last_done FROM meter_state s JOIN meters m ON m.id = s.meter WHERE s.last_done IS NOT NULL"
    )
    return {serial: from_micros(done) for serial, done in rows}


def _served_since(connection: Connection, schedule: str, since: datetime) -> set[str]:
    rows = connection.execute(
        "SELECT m.serial FROM served s JOIN meters m ON m.id = s.meter WHERE s.schedule = ? AND s.at >= ?",
        (schedule, to_micros(since)),
    )
    return {serial for (serial,) in rows}


def _search_gaps(
    connection: Connection, wanted: Sequence[tuple[str, Sequence[Periodic]]], now: datetime
) -> dict[str, tuple[Gap, ...]]:
    found = {serial: gaps.search(connection, serial, profiles, now) for serial, profiles in wanted}
    return {serial: each for serial, each in found.items() if each}
