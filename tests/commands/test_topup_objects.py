"""Accounts in Credit (IC 112) and Token gateway (IC 115): topped up once; a lost answer is told by reading."""

import contextlib
from datetime import timedelta

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from test_topup import BEFORE, OLD, SOON, START, TOPUP, Clock, Crash, LostError, Memory, MeterWithAccount, asked, run

from headend.commands.model import State
from headend.commands.topup import Proof, Shown, proof
from headend.errors import HeadendError
from headend.session.errors import TopUpRefused, TopUpUnanswered
from headend.session.topup import LastToken, token_of


class MeterWithCredit(MeterWithAccount):
    """Adds what it is told to add, each time it is told; has no marker."""

    async def read_registers(self):
        return tuple(each for each in await super().read_registers() if each.name != "last_recharge_time")

    async def top_up(self, before, amount, marker):
        self._may_break("balance", served=False)
        self.balance += amount
        self.raised += 1
        self._may_break("balance", served=True)

    async def mark_recharge(self, amount, marker):
        pass


class MeterWithGateway(MeterWithCredit):
    """Takes a token once; `fails` is the status it gives the next one instead."""

    def __init__(self, clock, balance=-50_00):
        super().__init__(clock, balance)
        self.token, self.code, self.fails = b"", 3, None

    async def read_token(self):
        self._may_break("token", served=False)
        return LastToken(self.token.hex(), self.code)

    async def top_up(self, before, amount, marker):
        self._may_break("balance", served=False)
        self.token, self.code = token_of(amount, marker), 3 if self.fails is None else self.fails
        if self.fails is None:
            self.balance += amount
            self.raised += 1
        self._may_break("balance", served=True)


KINDS = [MeterWithCredit, MeterWithGateway]


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_recharge_raises_the_balance_once_and_is_read_back(clock, kind):
    meter, journal = kind(clock), Memory(asked())
    (done,) = await run(meter, journal, clock)
    assert (done.state, meter.balance, meter.raised) == (State.CONFIRMED, 150_00, 1)
    assert await run(meter, journal, clock) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [LostError("line broke"), Crash(), TopUpUnanswered("other reason")], ids=type)
@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("call", ["read", "identity", "balance"])
async def test_a_break_anywhere_never_doubles_and_never_loses_the_money(clock, kind, call, served, error):
    meter, journal = kind(clock), Memory(asked())
    meter.broken[call, served] = error
    for _ in range(4):
        with contextlib.suppress(HeadendError, Crash):
            await run(meter, journal, clock)
        await clock.sleep(30)
        meter.use(10)
    (topup,) = journal.topups.values()
    assert (topup.state, meter.raised) == (State.CONFIRMED, 1)
    assert 150_00 - 4 * 10 <= meter.balance <= 150_00


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("point", ["topup-before-sending", "topup-sent", "topup-before-commit"])
async def test_a_crash_at_each_point_neither_doubles_nor_loses(clock, kind, point):
    meter, journal = kind(clock), Memory(asked())

    def die(at):
        if at == point:
            raise Crash

    with pytest.raises(Crash):
        await run(meter, journal, clock, die)
    await run(meter, journal, clock)
    assert (journal.topups[1].state, meter.raised, meter.balance) == (State.CONFIRMED, 1, 150_00)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_says_that_nothing_was_done_ends_it(clock, kind):
    meter, journal = kind(clock), Memory(asked())
    meter.broken["balance", False] = TopUpRefused("read-write-denied")
    (done,) = await run(meter, journal, clock)
    assert (done.state, meter.balance) == (State.REJECTED, -50_00)


async def test_a_balance_that_fits_neither_waits_for_a_person(clock):
    meter, journal = MeterWithCredit(clock), Memory(asked())
    meter.broken["balance", True] = LostError("line broke")
    await run(meter, journal, clock)
    meter.balance += 77_00
    (stuck,) = await run(meter, journal, clock)
    assert stuck.state is State.QUARANTINED
    assert meter.raised == 1


@pytest.mark.parametrize("code", [4, 5, 6, 7])
async def test_a_token_that_the_meter_does_not_take_ends_the_top_up(clock, code):
    meter, journal = MeterWithGateway(clock), Memory(asked())
    meter.fails = code
    (done,) = await run(meter, journal, clock)
    assert (done.state, done.note) == (State.REJECTED, f"the meter did not take the token: status {code}")
    assert meter.raised == 0


async def test_a_token_that_was_refused_while_its_answer_was_lost_waits_for_a_person(clock):
    meter, journal = MeterWithGateway(clock), Memory(asked())
    meter.fails = 6
    meter.broken["balance", True] = LostError("line broke")
    await run(meter, journal, clock)
    (stuck,) = await run(meter, journal, clock)
    assert stuck.state is State.QUARANTINED


async def test_a_token_that_is_still_looked_at_is_waited_for(clock):
    meter, journal = MeterWithGateway(clock), Memory(asked())
    meter.fails = 8
    for _ in range(3):
        (waiting,) = await run(meter, journal, clock)
        assert waiting.state is State.UNKNOWN
    meter.code, meter.balance = 3, meter.balance + 200_00
    (done,) = await run(meter, journal, clock)
    assert done.state is State.CONFIRMED


UNMARKED = Shown(START, -50_00, 10_000, None)
OURS = token_of(TOPUP.amount, TOPUP.marker).hex()


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (Shown(START + SOON, 150_00, 10_000, None), Proof.APPLIED),
        (Shown(START + SOON, 149_30, 10_100, None), Proof.APPLIED),
        (Shown(START + SOON, 144_94, 10_100, None), Proof.NEITHER),
        (Shown(START + SOON, 150_01, 10_100, None), Proof.NEITHER),
        (Shown(START + SOON, -50_00, 10_000, None), Proof.ABSENT),
        (Shown(START + SOON, -50_70, 10_100, None), Proof.ABSENT),
        (Shown(START + SOON, -49_99, 10_100, None), Proof.NEITHER),
        (Shown(START + SOON, 50_00, 10_100, None), Proof.NEITHER),
        (Shown(START + SOON, -50_00, 20_000, None), Proof.NEITHER),
        (Shown(START + SOON, 150_00, None, None), Proof.NEITHER),
        (Shown(START + SOON, 150_00, 9_999, None), Proof.NEITHER),
        (Shown(START - SOON, 150_00, 10_000, None), Proof.NEITHER),
    ],
)
def test_a_balance_alone_proves_what_it_can(now, expected):
    assert proof(TOPUP, UNMARKED, now) is expected


@pytest.mark.parametrize(
    ("token", "code", "expected"),
    [
        (OURS, 3, Proof.APPLIED),
        (OURS, 8, Proof.PENDING),
        (OURS, 0, Proof.PENDING),
        (OURS, 7, Proof.REFUSED),
        ("00", 3, Proof.ABSENT),
        ("ff", 3, Proof.NEITHER),
    ],
)
def test_the_last_token_proves_what_it_can(token, code, expected):
    before = evolve(UNMARKED, token="00", token_code=3)
    assert proof(TOPUP, before, Shown(START + SOON, -50_00, 10_000, None, token, code)) is expected


@given(
    amount=st.integers(1, 10_000_00),
    used=st.integers(0, 20_000),
    rate=st.integers(0, 4),
    applied=st.booleans(),
    days=st.integers(0, 5),
)
def test_a_proof_by_the_balance_is_never_wrong(amount, used, rate, applied, days):
    topup = evolve(TOPUP, amount=amount)
    at = START + SOON + timedelta(days=days)
    balance = UNMARKED.balance + amount * applied - used * rate - 40_00 * days
    found = proof(topup, UNMARKED, Shown(at, balance, UNMARKED.energy_wh + used, None))
    assert found in (Proof.NEITHER, Proof.APPLIED if applied else Proof.ABSENT)


def test_a_marked_account_is_judged_by_its_marker_as_before():
    assert proof(TOPUP, BEFORE, Shown(START + SOON, 149_00, 10_100, OLD)) is Proof.APPLIED


def test_tokens_of_one_meter_differ_and_hold_time_and_amount():
    assert token_of(200_00, START) != token_of(200_00, START + timedelta(seconds=1))
    assert token_of(0x01020304, START)[4:] == bytes((1, 2, 3, 4))
