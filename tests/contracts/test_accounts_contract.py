import asyncio

import pytest
from store_making import CONSUMER, SERIAL, cut, events_of, notice, reconnect, restore, settle_in

from headend.commands.model import Origin, State
from headend.prepaid.model import EntryKind, NewEntry
from headend.storage import EntryConflict, PaymentConflict, PaymentInvalid, UnknownConsumer


@pytest.fixture
async def accounts(store, tmp_path):
    await settle_in(store, tmp_path, count=2)
    return store.accounts


async def test_a_recharge_is_booked_and_told(store, accounts, clock):
    result = await accounts.recharge(CONSUMER, 250_50, "PAY-1", clock.now, "desk 4", None)
    assert (result.repeated, result.balance, result.command) == (False, 350_50, None)
    assert (result.entry.kind, result.entry.amount, result.entry.reference) == (EntryKind.RECHARGE, 250_50, "PAY-1")
    assert await accounts.balance(CONSUMER) == 350_50
    assert [entry.kind for entry in await accounts.ledger(CONSUMER)] == [EntryKind.RECHARGE, EntryKind.OPENING]
    (event,) = await events_of(store, "account.recharged")
    assert (event.meter, event.consumer_no, '"balance":35050' in event.payload) == (SERIAL, CONSUMER, True)


async def test_the_same_payment_is_told_and_not_booked_twice(store, accounts, clock):
    results = await asyncio.gather(
        *(accounts.recharge(CONSUMER, 100_00, "PAY-1", clock.now, "desk 4", None) for _ in range(5))
    )
    assert sorted(result.repeated for result in results) == [False, True, True, True, True]
    assert {result.balance for result in results} == {200_00}
    assert len({result.entry.id for result in results}) == 1
    assert len(await events_of(store, "account.recharged")) == 1


@pytest.mark.parametrize(("consumer_no", "amount"), [(CONSUMER, 100_01), ("10000000002", 100_00)])
async def test_a_payment_id_for_something_else_is_refused(accounts, clock, consumer_no, amount):
    await accounts.recharge(CONSUMER, 100_00, "PAY-1", clock.now, "desk 4", None)
    with pytest.raises(PaymentConflict, match="PAY-1"):
        await accounts.recharge(consumer_no, amount, "PAY-1", clock.now, "desk 4", None)
    assert await accounts.balance(CONSUMER) == 200_00
    assert await accounts.balance("10000000002") == 100_00


@pytest.mark.parametrize(
    ("amount", "payment_id"), [(0, "P"), (-1, "P"), (10**12, "P"), (100, ""), (100, "a b"), (100, "x" * 65), (100, "é")]
)
async def test_a_payment_that_makes_no_sense_is_refused(accounts, clock, amount, payment_id):
    with pytest.raises(PaymentInvalid):
        await accounts.recharge(CONSUMER, amount, payment_id, clock.now, "desk 4", None)
    assert await accounts.balance(CONSUMER) == 100_00


async def test_a_consumer_that_nobody_knows_is_named(accounts, clock):
    for call in (
        accounts.recharge("99999999999", 100, "P", clock.now, "desk", None),
        accounts.account("99999999999"),
        accounts.ledger("99999999999"),
        accounts.decisions("99999999999"),
    ):
        with pytest.raises(UnknownConsumer, match="99999999999"):
            await call


async def test_a_recharge_replaces_the_open_disconnect_in_the_same_transaction(store, accounts, clock):
    old = await store.journal.request(cut(clock, origin=Origin.POLICY))

    def judge(view):
        assert (view.facts.balance, view.facts.open_command.id) == (200_00, old.id)
        command = restore(clock, cause="recharge:PAY-1", origin=Origin.POLICY)
        return reconnect(view, command, notices=(notice(clock, "recharged:PAY-1"),))

    result = await accounts.recharge(CONSUMER, 100_00, "PAY-1", clock.now, "desk 4", judge)
    assert (result.command.cause, result.command.state) == ("recharge:PAY-1", State.REQUESTED)
    assert (await store.journal.command(old.id)).state is State.CANCELLED
    assert await store.journal.meters_with_open() == [(SERIAL, True)]
    assert [written.notice.key for written in await accounts.notices(CONSUMER)] == ["recharged:PAY-1"]
    assert (await accounts.decisions(CONSUMER))[0].verdict == "reconnect"


async def test_a_repeated_recharge_is_not_judged_again(accounts, clock):
    await accounts.recharge(CONSUMER, 100_00, "PAY-1", clock.now, "desk 4", None)

    def judge(view):
        raise AssertionError("judged twice")

    assert (await accounts.recharge(CONSUMER, 100_00, "PAY-1", clock.now, "desk 4", judge)).repeated


async def test_a_recharge_whose_judge_fails_is_not_booked(accounts, clock):
    def fails(view):
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        await accounts.recharge(CONSUMER, 100_00, "PAY-1", clock.now, "desk 4", fails)
    assert await accounts.balance(CONSUMER) == 100_00


async def test_other_entries_are_booked_once_by_kind_and_reference(accounts, clock):
    fixed = NewEntry(CONSUMER, EntryKind.FIXED, -30_00, "2026-03", clock.now, "fixed charge of March")
    assert not (await accounts.book(fixed)).repeated
    assert (await accounts.book(fixed)).repeated
    duty = NewEntry(CONSUMER, EntryKind.DUTY, -1_80, "2026-03", clock.now)
    await accounts.book(duty)
    with pytest.raises(EntryConflict, match="2026-03"):
        await accounts.book(NewEntry(CONSUMER, EntryKind.DUTY, -1_81, "2026-03", clock.now))
    with pytest.raises(PaymentInvalid):
        await accounts.book(NewEntry(CONSUMER, EntryKind.RECHARGE, 100, "P", clock.now))
    assert [entry.balance for entry in await accounts.ledger(CONSUMER)] == [68_20, 70_00, 100_00]


async def test_accounts_are_listed_by_number(accounts):
    assert [account.consumer_no for account in await accounts.accounts()] == ["10000000001", "10000000002"]
    assert [account.consumer_no for account in await accounts.accounts(after=CONSUMER)] == ["10000000002"]
    account = await accounts.account(CONSUMER)
    assert (account.name, account.language, account.mobile, account.meter, account.reconciled) == (
        "Consumer 00001",
        "hi",
        "9000000001",
        SERIAL,
        True,
    )


async def test_daily_use_is_the_average_of_the_days_before_today(accounts, clock):
    async def use(reference, paise, kind=EntryKind.ENERGY):
        await accounts.book(NewEntry(CONSUMER, kind, -paise, reference, clock.now))

    async def daily_use():
        return (await accounts.view(CONSUMER, clock.now)).daily_use

    await use("a", 50_00)
    assert await daily_use() is None  # today is not over
    clock.forward(days=1)
    await use("b", 20_00)
    await use("b", 10_00, EntryKind.DUTY)
    assert await daily_use() == 50_00
    clock.forward(days=1)
    assert await daily_use() == 40_00
    clock.forward(days=2)
    assert await daily_use() == 20_00
    clock.forward(days=30)
    assert await daily_use() is None
    assert await accounts.balance(CONSUMER) == 20_00
