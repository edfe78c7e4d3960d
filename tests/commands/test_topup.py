"""A meter that keeps the account is topped up once, whatever gets lost on the way."""

import contextlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from headend.commands.model import State
from headend.commands.topup import Proof, Shown, TopUp, TopUpExecutor, proof, shown
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.meters.reading import Reading
from headend.session.errors import NotOffered

START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
OLD = START - timedelta(days=30)
BEFORE = Shown(START, -50_00, 10_000, OLD)
TOPUP = TopUp(1, "X1", "10000000001", 200_00, START, START, State.UNKNOWN, START, 1, BEFORE, "")
SOON = timedelta(minutes=10)


class LostError(HeadendError):
    exit_code = 3


class Crash(BaseException):
    pass


class MeterWithAccount:
    """A meter whose connection breaks where it is told to; `broken` names the call, and whether it was served first."""

    meter = Meter("X1", "LDN", "model", "tcp://x:1")

    def __init__(self, clock, balance=-50_00):
        self.clock, self.balance, self.energy, self.marker, self.recharged = clock, balance, 10_000, OLD, 0
        self.broken, self.raised = {}, 0

    async def confirm_identity(self):
        self._may_break("identity", served=False)

    async def read_registers(self):
        self._may_break("read", served=False)
        return (
            Reading("balance", "0.0.94.96.24.255", Decimal(self.balance) / 100, "INR", self.clock.now),
            Reading("energy_import", "1.0.1.8.0.255", Decimal(self.energy), "Wh", self.clock.now),
            Reading("last_recharge_time", "0.0.94.96.22.255", "", "", self.clock.now, self.marker),
        )

    async def read_token(self):
        return None

    async def top_up(self, before, amount, marker):
        await self.write_balance(before + amount)

    async def mark_recharge(self, amount, marker):
        await self.write_recharge(amount, marker)

    async def write_balance(self, paise):
        self._may_break("balance", served=False)
        self.raised += paise > self.balance
        self.balance = paise
        self._may_break("balance", served=True)

    async def write_recharge(self, paise, moment):
        self._may_break("recharge", served=False)
        self.recharged, self.marker = paise, moment
        self._may_break("recharge", served=True)

    def use(self, wh):
        self.energy += wh
        self.balance -= wh * 7 // 10

    def _may_break(self, call, *, served):
        error = self.broken.get((call, served))
        if error is not None:
            del self.broken[call, served]
            raise error


class Memory:
    """The journal of top-ups in memory."""

    def __init__(self, *topups):
        self.topups = {each.id: each for each in topups}

    async def open_for(self, meter):
        ended = (State.CONFIRMED, State.REJECTED)
        return [each for each in self.topups.values() if each.meter == meter and each.state not in ended]

    async def begin(self, number, before, now):
        found = self.topups[number]
        if found.state is not State.REQUESTED:
            return None
        self.topups[number] = evolve(
            found, state=State.SENDING, before=before, changed_at=now, attempts=found.attempts + 1
        )
        return self.topups[number]

    async def settle(self, number, state, note, now):
        self.topups[number] = evolve(self.topups[number], state=state, note=note, changed_at=now)
        return self.topups[number]


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)


def asked(number=1, amount=200_00):
    marker = START + timedelta(seconds=number)
    return TopUp(number, "X1", "10000000001", amount, marker, START, State.REQUESTED, START, 0, None, "")


@pytest.fixture
def clock():
    return Clock()


async def run(meter, journal, clock, checkpoint=lambda _: None):
    return await TopUpExecutor(journal, clock, clock.sleep, checkpoint).run_open(meter)


async def test_a_recharge_raises_the_balance_once_and_is_read_back(clock):
    meter, journal = MeterWithAccount(clock), Memory(asked())
    (done,) = await run(meter, journal, clock)
    assert (done.state, meter.balance, meter.recharged, meter.marker) == (State.CONFIRMED, 150_00, 200_00, done.marker)
    assert done.before.balance == -50_00
    assert await run(meter, journal, clock) == []
    assert meter.raised == 1


@pytest.mark.parametrize("error", [LostError("line broke"), Crash()], ids=["lost", "crash"])
@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("call", ["read", "identity", "balance", "recharge"])
async def test_a_break_anywhere_never_doubles_and_never_loses_the_money(clock, call, served, error):
    meter, journal = MeterWithAccount(clock), Memory(asked())
    meter.broken[call, served] = error
    for _ in range(4):
        with contextlib.suppress(LostError, Crash):
            await run(meter, journal, clock)
        await clock.sleep(30)
        meter.use(10)
    (topup,) = journal.topups.values()
    assert (topup.state, meter.raised) == (State.CONFIRMED, 1)
    assert meter.marker == topup.marker
    assert 150_00 - 4 * 10 <= meter.balance <= 150_00


@pytest.mark.parametrize("point", ["topup-before-sending", "topup-sent", "topup-before-commit"])
async def test_a_crash_at_each_point_neither_doubles_nor_loses(clock, point):
    meter, journal = MeterWithAccount(clock), Memory(asked())

    def die(at):
        if at == point:
            raise Crash

    with pytest.raises(Crash):
        await run(meter, journal, clock, die)
    await run(meter, journal, clock)
    assert (journal.topups[1].state, meter.raised, meter.balance) == (State.CONFIRMED, 1, 150_00)


async def test_payments_reach_the_meter_in_their_order_and_none_passes_one_that_is_unknown(clock):
    meter, journal = MeterWithAccount(clock), Memory(asked(1), asked(2, 100_00))
    meter.broken["balance", True] = LostError("line broke")
    (first,) = await run(meter, journal, clock)
    assert first.state is State.UNKNOWN
    done = await run(meter, journal, clock)
    assert [each.state for each in done] == [State.CONFIRMED, State.CONFIRMED]
    assert (meter.balance, meter.raised) == (250_00, 2)


async def test_what_nothing_proves_waits_for_a_person_and_nothing_is_sent(clock):
    meter, journal = MeterWithAccount(clock), Memory(asked(), asked(2))
    meter.broken["balance", True] = LostError("line broke")
    await run(meter, journal, clock)
    meter.marker, balance = START + timedelta(hours=3), meter.balance
    (stuck,) = await run(meter, journal, clock)
    assert stuck.state is State.QUARANTINED
    assert await run(meter, journal, clock) == []
    assert meter.balance == balance


@pytest.mark.parametrize(
    ("error", "balance"), [(NotOffered("no such object"), -50_00), (None, (1 << 31) - 1)], ids=["refused", "overflow"]
)
async def test_a_refusal_changes_nothing_and_ends_it(clock, error, balance):
    meter, journal = MeterWithAccount(clock, balance), Memory(asked())
    if error is not None:
        meter.broken["balance", False] = error
    (done,) = await run(meter, journal, clock)
    assert (done.state, meter.balance) == (State.REJECTED, balance)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (Shown(START + SOON, -51_00, 10_100, START), Proof.APPLIED),
        (Shown(START + SOON, 149_00, 10_100, OLD), Proof.APPLIED),
        (Shown(START + SOON, -51_00, 10_100, OLD), Proof.ABSENT),
        (Shown(START + SOON, -50_00, 10_000, OLD), Proof.ABSENT),
        (Shown(START + SOON, -50_00, 10_000 + 3_998, OLD), Proof.ABSENT),
        (Shown(START + SOON, -50_00, 10_000 + 3_999, OLD), Proof.NEITHER),
        (Shown(START + timedelta(days=4), -50_00, 10_000, OLD), Proof.NEITHER),
        (Shown(START + timedelta(days=2), -50_00, 10_000, OLD), Proof.ABSENT),
        (Shown(START + SOON, 149_00, 10_100, START + SOON), Proof.NEITHER),
        (Shown(START + SOON, -51_00, None, OLD), Proof.NEITHER),
        (Shown(START + SOON, -51_00, 9_999, OLD), Proof.NEITHER),
        (Shown(START - SOON, -51_00, 10_100, OLD), Proof.NEITHER),
    ],
)
def test_a_reading_proves_what_it_can(now, expected):
    assert proof(TOPUP, BEFORE, now) is expected


@given(
    amount=st.integers(1, 10_000_00),
    used=st.integers(0, 20_000),
    rate=st.integers(0, 4),
    applied=st.booleans(),
    marked=st.booleans(),
)
def test_a_proof_is_never_wrong(amount, used, rate, applied, marked):
    topup = evolve(TOPUP, amount=amount)
    balance = BEFORE.balance + amount * applied - used * rate
    now = Shown(START + SOON, balance, BEFORE.energy_wh + used, START if applied and marked else OLD)
    assert proof(topup, BEFORE, now) in (Proof.NEITHER, Proof.APPLIED if applied else Proof.ABSENT)


def test_a_meter_that_shows_no_balance_is_left_alone():
    assert shown((), START) is None
