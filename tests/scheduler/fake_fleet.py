"""A fleet in memory: meters that answer, hang or refuse, a store and a journal that remember what they were asked."""

import asyncio
from collections import defaultdict
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal

from attrs import evolve
from virtual_time import now

from headend.commands.model import Command, Evidence, Origin, State, Target
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.meters.reading import ClockReading, Column, ProfileRow, ProfileRows, Reading, RelayState
from headend.notify.texts import default_texts
from headend.prepaid.policy import Policy
from headend.prepaid.tariff import flat
from headend.scheduler.collector import Collector, CollectorRules
from headend.scheduler.judge import Rules
from headend.scheduler.lanes import LaneRules
from headend.scheduler.ports import ReadRequest
from headend.scheduler.visit import VisitPorts
from headend.session.balance import Balance

TEXTS = default_texts()
COLUMNS = (Column("energy_import", "1.0.1.29.0.255", 2, 0, "Wh"),)


def meter(number, lane="", group="default"):
    return Meter(
        serial=f"M{number:04}",
        logical_device_name=f"ABC{number:013}",
        model="m",
        address="memory:x",
        lane=lane,
        group=group,
    )


class FakeStore:
    def __init__(self, meters):
        self.inventory = {each.serial: each for each in meters}
        self.records = []
        self.claimed = set()
        self.visited = {}
        self.requests = []
        self.answers = {}
        self.pinned = {}
        self.judgement = None  # what the next judged record gives
        self.failing = None  # an error that every write raises

    async def meters(self):
        return list(self.inventory.values())

    async def meter(self, serial):
        return self.inventory.get(serial)

    async def pin_system_title(self, serial, system_title):
        self.pinned[serial] = system_title

    async def record_visit(self, record, judge):
        if self.failing is not None:
            raise self.failing
        self.records.append((record, judge))
        if record.outcome.value == "done":
            self.visited[record.meter] = record.finished
        if judge is None or self.judgement is None:
            return None
        judgement, self.judgement = self.judgement, None
        return judgement

    async def last_row(self, meter, profile):
        return None

    async def served_since(self, schedule, since):
        return {
            record.meter
            for record, _ in self.records
            if schedule in record.served and record.outcome.value == "done" and record.finished >= since
        }

    async def claim_slot(self, schedule, slot):
        if self.failing is not None:
            raise self.failing
        if (schedule, slot) in self.claimed:
            return False
        self.claimed.add((schedule, slot))
        return True

    async def new_read_requests(self, ours=None):
        taken, self.requests = self.requests, []
        return taken

    async def finish_read(self, request_id, result):
        assert request_id not in self.answers, "a read is answered once"
        self.answers[request_id] = result

    def ask(self, serial, profile=None):
        number = len(self.answers) + len(self.requests) + 1
        self.requests.append(ReadRequest(number, serial, profile, None, None, now()))
        return number


class FakeJournal:
    """Commands with only what collection needs of them."""

    def __init__(self):
        self.open = {}
        self.interruptions = 0
        self.expirations = 0
        self.sending = 0

    def add(self, serial, target=Target.CONNECTED, state=State.REQUESTED):
        number = len(self.open) + 1
        self.open[serial] = Command(
            id=number,
            meter=serial,
            target=target,
            cause=f"c{number}",
            origin=Origin.POLICY,
            reason="",
            requested_by="",
            requested_at=now(),
            expires_at=now() + timedelta(hours=4),
            state=state,
            changed_at=now(),
            attempts=0,
            balance=None,
            balance_at=None,
            emergency=False,
            superseded_by=None,
            evidence=None,
        )

    async def interrupted(self, at):
        self.interruptions += 1
        count, self.sending = self.sending, 0
        return count

    async def expire(self, at):
        self.expirations += 1
        return 0

    async def commands(self, *, meter=None, state=None, limit=100):
        return [each for each in self.open.values() if state in (None, each.state)][:limit]

    async def meters_with_open(self):
        found = [(serial, command.target is Target.CONNECTED) for serial, command in self.open.items()]
        return sorted(found, key=lambda each: not each[1])


class FakeExecutor:
    """Settles what is open for the meter, as `ends` says, and writes down when."""

    def __init__(self, journal):
        self.journal = journal
        self.runs = []
        self.ends = defaultdict(lambda: State.CONFIRMED)
        self.takes = 0.3

    async def run_open(self, session):
        command = self.journal.open.get(session.meter.serial)
        if command is None:
            return []
        await asyncio.sleep(self.takes)
        state = self.ends[session.meter.serial]
        done = evolve(command, state=state, evidence=repr(Evidence(None, None, sent=True)))
        self.runs.append((session.meter.serial, command.target, now()))
        if state in (State.UNKNOWN, State.REQUESTED):
            self.journal.open[session.meter.serial] = done
        else:
            del self.journal.open[session.meter.serial]
        return [done]


class FakeSession:
    def __init__(self, fleet, of):
        self.fleet = fleet
        self.meter = of
        self.system_title = fleet.titles.get(of.serial)

    async def confirm_identity(self):
        await self._ask("identity")

    async def read_clock(self):
        await self._ask("clock")
        return ClockReading(now(), now(), deviation=1.0, inverted_sign=False, raw=b"\x00" * 12)

    async def read_relay(self):
        await self._ask("relay")
        return RelayState(connected=True, control_state=1, control_mode=4, read_at=now())

    async def read_registers(self):
        await self._ask("registers")
        return (Reading("energy_import", "1.0.1.8.0.255", Decimal(1000), "Wh", now()),)

    async def read_balance(self):
        await self._ask("balance")
        return Balance(12_345, now())

    async def read_profile(self, profile, since, until):
        await self._ask(profile)
        return ProfileRows(profile, COLUMNS, (ProfileRow(now(), b"", (7,)),))

    async def open_relay(self, sent):
        raise AssertionError("only the executor moves a relay")

    close_relay = open_relay

    async def _ask(self, what):
        self.fleet.asked.append((self.meter.serial, what, now()))
        await asyncio.sleep(self.fleet.takes)
        error = self.fleet.errors.get((self.meter.serial, what))
        if error is not None:
            raise error


class Fleet:
    """Everything a collector needs, and what happened: visits (serial, start, end), the most at once in each lane."""

    def __init__(self, *meters, schedules=(), lanes=None, rules=None, store=None):
        self.store = store or FakeStore(meters)
        self.journal = FakeJournal()
        self.executor = FakeExecutor(self.journal)
        self.takes = 0.1
        self.errors = {}  # (serial, what) -> error; what is "open" for the connection itself
        self.titles = {}
        self.asked = []
        self.standing = None
        self.visits = []
        self.open_now = defaultdict(int)
        self.most_at_once = defaultdict(int)
        self.collector = Collector(
            ports=VisitPorts(
                store=self.store,
                executor=self.executor,
                rules=Rules(lambda _: Policy(), lambda _: flat("default", 665), TEXTS),
                now=now,
            ),
            journal=self.journal,
            open_session=self.open_session,
            schedules=tuple(schedules),
            lane_rules=lanes or LaneRules(process=8, kept=2),
            rules=rules or CollectorRules(),
        )

    @asynccontextmanager
    async def open_session(self, of):
        started = now()
        for key in (of.serial, of.lane_name, "process"):
            self.open_now[key] += 1
            self.most_at_once[key] = max(self.most_at_once[key], self.open_now[key])
        try:
            await asyncio.sleep(self.takes)
            error = self.errors.get((of.serial, "open"))
            if error is not None:
                raise error
            yield FakeSession(self, of)
            error = self.errors.get((of.serial, "close"))
            if error is not None:
                raise error
        finally:
            for key in (of.serial, of.lane_name, "process"):
                self.open_now[key] -= 1
            self.visits.append((of.serial, started, now()))

    async def run_for(self, seconds):
        """Run the collector for so long, then stop it and wait for its end."""
        task = asyncio.create_task(self.collector.run())
        await asyncio.sleep(seconds)
        await self.end(task)

    async def end(self, task):
        """Keep how the collector stands, stop it, and wait for its end."""
        self.standing = self.collector.standing()
        self.collector.stop()
        await task

    def visited(self):
        return [serial for serial, _, _ in self.visits]


class NobodyThere(HeadendError):  # noqa: N818  as the errors of a session are named
    exit_code = 3


class Denied(HeadendError):  # noqa: N818
    """One object that is refused."""


def seconds(moment: datetime, since: datetime):
    return (moment - since).total_seconds()
