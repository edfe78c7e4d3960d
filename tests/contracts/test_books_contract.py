from datetime import date, timedelta
from decimal import Decimal

import pytest
from store_making import CONSUMER, events_of, keep, reconnect, restore, settle_in, visit

from headend.commands.journal import RefusedByRule
from headend.commands.model import Origin, State
from headend.meters.reading import Reading
from headend.prepaid.model import BalanceSource, EntryKind
from headend.storage import EntryConflict, PaymentInvalid, UnknownConsumer
from headend.storage.errors import PlanRefused, UnknownCorrection


@pytest.fixture
async def books(store, tmp_path):
    await settle_in(store, tmp_path, count=2)
    return store.books


async def balance(store):
    return await store.accounts.balance(CONSUMER)


@pytest.mark.parametrize(("kind", "sign"), [(EntryKind.DEPOSIT, 1), (EntryKind.REBATE, 1), (EntryKind.ARREARS, -1)])
async def test_a_person_books_deposits_rebates_and_arrears_once(store, books, kind, sign):
    first = await books.book(CONSUMER, kind, 30_00, "R-1", "brought over", "officer-1", None)
    again = await books.book(CONSUMER, kind, 30_00, "R-1", "brought over", "officer-1", None)
    assert (first.repeated, again.repeated) == (False, True)
    assert await balance(store) == 100_00 + sign * 30_00
    (event,) = await events_of(store, "ledger.booked")
    assert '"by":"officer-1"' in event.payload
    with pytest.raises(EntryConflict):
        await books.book(CONSUMER, kind, 30_01, "R-1", "brought over", "officer-1", None)


@pytest.mark.parametrize(
    ("kind", "amount", "reference", "reason"),
    [
        (EntryKind.RECHARGE, 1, "R", "x"),
        (EntryKind.CORRECTION, 1, "R", "x"),
        (EntryKind.ENERGY, 1, "R", "x"),
        (EntryKind.DEPOSIT, 0, "R", "x"),
        (EntryKind.DEPOSIT, -5, "R", "x"),
        (EntryKind.DEPOSIT, 1, "", "x"),
        (EntryKind.DEPOSIT, 1, "R", ""),
    ],
)
async def test_what_a_person_may_not_book_alone_is_refused(store, books, kind, amount, reference, reason):
    with pytest.raises(PaymentInvalid):
        await books.book(CONSUMER, kind, amount, reference, reason, "officer-1", None)
    assert await balance(store) == 100_00


async def test_a_credit_by_hand_restores_supply_in_the_same_transaction(store, books, clock):
    def judge(view):
        assert view.facts.balance == 130_00
        return reconnect(view, restore(clock, origin=Origin.POLICY))

    booked = await books.book(CONSUMER, EntryKind.DEPOSIT, 30_00, "SD-1", "deposit", "officer-1", judge)
    assert booked.command.state is State.REQUESTED
    assert (await books.book(CONSUMER, EntryKind.DEPOSIT, 30_00, "SD-1", "deposit", "officer-1", judge)).command is None


async def test_a_correction_is_booked_when_a_second_person_approves(store, books):
    asked = await books.propose_correction(CONSUMER, -12_50, "charged too little", "officer-1")
    assert await balance(store) == 100_00
    with pytest.raises(RefusedByRule, match="second person"):
        await books.approve(asked.id, "officer-1", None)
    assert await balance(store) == 100_00
    done, booked = await books.approve(asked.id, "officer-2", None)
    assert (done.state, done.decided_by, done.entry) == ("approved", "officer-2", booked.entry.id)
    assert (booked.entry.kind, booked.entry.amount, await balance(store)) == (EntryKind.CORRECTION, -12_50, 87_50)
    with pytest.raises(RefusedByRule, match="already"):
        await books.approve(asked.id, "officer-2", None)
    assert await balance(store) == 87_50
    for kind, by in (("correction.proposed", "officer-1"), ("correction.approved", "officer-2")):
        (event,) = await events_of(store, kind)
        assert f'"by":"{by}"' in event.payload
    assert (await books.check()).ok


async def test_one_person_is_enough_only_where_the_house_says_so(store, books):
    asked = await books.propose_correction(CONSUMER, 1, "a paisa", "officer-1")
    await books.approve(asked.id, "officer-1", None, second_person=False)
    assert await balance(store) == 100_01


async def test_a_rejected_correction_is_never_booked(store, books):
    asked = await books.propose_correction(CONSUMER, 1, "a paisa", "officer-1")
    assert [each.id for each in await books.corrections()] == [asked.id]
    assert (await books.reject(asked.id, "officer-2")).state == "rejected"
    with pytest.raises(RefusedByRule):
        await books.approve(asked.id, "officer-2", None)
    assert (await balance(store), await books.corrections()) == (100_00, [])
    assert len(await books.corrections(undecided=False)) == 1


async def test_an_entry_is_reversed_once(store, books, clock):
    paid = await store.accounts.recharge(CONSUMER, 50_00, "CHEQUE-1", clock.now, "desk", None)
    asked = await books.propose_reversal(CONSUMER, paid.entry.id, "cheque returned", "officer-1")
    with pytest.raises(EntryConflict, match="reversal already"):
        await books.propose_reversal(CONSUMER, paid.entry.id, "again", "officer-1")
    _, booked = await books.approve(asked.id, "officer-2", None)
    assert (booked.entry.kind, booked.entry.amount, await balance(store)) == (EntryKind.REVERSAL, -50_00, 100_00)
    with pytest.raises(EntryConflict, match="reversal already"):
        await books.propose_reversal(CONSUMER, paid.entry.id, "again", "officer-1")
    with pytest.raises(EntryConflict, match="is a reversal"):
        await books.propose_reversal(CONSUMER, booked.entry.id, "undo", "officer-1")
    with pytest.raises(EntryConflict, match="no ledger entry"):
        await books.propose_reversal("10000000002", paid.entry.id, "not theirs", "officer-1")
    assert (await books.check()).ok


async def test_who_or_what_is_not_known_is_named(books):
    with pytest.raises(UnknownCorrection, match="77"):
        await books.approve(77, "officer-2", None)
    with pytest.raises(UnknownConsumer):
        await books.propose_correction("99999999999", 1, "x", "officer-1")
    with pytest.raises(PaymentInvalid):
        await books.propose_correction(CONSUMER, 0, "x", "officer-1")


async def test_a_balance_can_be_shown_as_of_any_past_moment(store, books, clock):
    opened = clock.now
    paid = clock.forward(hours=1)
    await store.accounts.recharge(CONSUMER, 50_00, "P-1", paid, "desk", None)
    owed = clock.forward(hours=1)
    await books.book(CONSUMER, EntryKind.ARREARS, 400_00, "A-1", "brought over", "officer-1", None)
    before = opened - timedelta(seconds=1)
    shown = [(await books.balance_at(CONSUMER, at)).balance for at in (before, opened, paid, owed, clock.now)]
    assert shown == [0, 100_00, 150_00, -250_00, -250_00]


async def test_a_past_balance_of_an_account_in_the_meter_is_what_the_meter_had_shown(store, tmp_path, clock):
    await settle_in(store, tmp_path, source=BalanceSource.METER, opening="")
    before = clock.now
    for shown in ("120.50", "-3.25"):
        clock.forward(hours=1)
        seen = Reading("balance", "0.0.94.96.24.255", Decimal(shown), "INR", clock.now)
        await store.fleet.record_visit(visit(clock, readings=(seen,)), keep)
    found = [await store.books.balance_at(CONSUMER, before + timedelta(hours=hours)) for hours in range(3)]
    assert [each.balance for each in found] == [None, 120_50, -3_25]
    assert {each.source for each in found} == {BalanceSource.METER}


async def test_arrears_in_instalments_leave_the_balance_and_come_back_when_they_fall_due(store, books, clock):
    await books.book(CONSUMER, EntryKind.ARREARS, 700_00, "A-1", "brought over", "officer-1", None)
    plan, _ = await books.plan(CONSUMER, 600_00, (3, date(2026, 3, 5)), "agreed", "officer-1", None)
    assert await balance(store) == 0
    assert [part.amount for part in plan.parts] == [200_00] * 3
    # 2 March 06:00 UTC is the 2nd in Ranchi; the 5th is still a day to pay on.
    clock.forward(days=3, hours=12)
    await store.fleet.record_visit(visit(clock), keep)
    assert await balance(store) == 0
    clock.forward(hours=1)  # 19:00 UTC: the 6th has begun in Ranchi
    await store.fleet.record_visit(visit(clock), lambda view: keep(view) if view.facts.balance == -200_00 else 1 / 0)
    await store.fleet.record_visit(visit(clock), keep)
    assert await balance(store) == -200_00
    view = await store.accounts.view(CONSUMER, clock.now)
    assert view.facts.negative_since == clock.now
    clock.forward(days=70)
    paid = await store.accounts.recharge(CONSUMER, 600_00, "P-9", clock.now, "desk", None)
    assert paid.balance == 0
    (shown,) = await books.plans(CONSUMER)
    assert (shown.booked, shown.total) == (3, 600_00)
    assert (await books.check()).ok


@pytest.mark.parametrize(
    ("total", "parts", "why"),
    [
        (300_01, (3, date(2026, 4, 1)), "lend"),
        (100_00, (3, date(2026, 3, 1)), "past"),
        (100_00, (0, date(2026, 4, 1)), "instalments"),
    ],
)
async def test_a_plan_that_makes_no_sense_is_refused(store, books, total, parts, why):
    await books.book(CONSUMER, EntryKind.ARREARS, 400_00, "A-1", "brought over", "officer-1", None)
    with pytest.raises(PlanRefused, match=why):
        await books.plan(CONSUMER, total, parts, "agreed", "officer-1", None)
    assert await balance(store) == -300_00
