"""Whatever is booked in whatever order and however often: the balance is the sum of what was accepted."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_making import CONSUMER, START, Clock, open_sqlite, settle_in

from headend.prepaid.model import EntryKind, NewEntry
from headend.storage import EntryConflict, PaymentConflict

CONSUMERS = (CONSUMER, "10000000002")
KINDS = [EntryKind.RECHARGE, EntryKind.ENERGY, EntryKind.FIXED, EntryKind.REVERSAL]

bookings = st.tuples(
    st.sampled_from(CONSUMERS),
    st.sampled_from(KINDS),
    st.integers(-(10**9), 10**9),
    st.sampled_from(["a", "b", "c", "d", "e"]),
    st.integers(0, 100),
)


class Model:
    """The ledger as a dictionary: what must come out."""

    def __init__(self):
        self.entries = {(consumer_no, EntryKind.OPENING, "opening"): 100_00 for consumer_no in CONSUMERS}

    def book(self, consumer_no, kind, amount, reference):
        """Whether the entry is a repeat; None when it must be refused."""
        if kind is EntryKind.RECHARGE:
            others = [key for key in self.entries if key[1:] == (kind, reference) and key[0] != consumer_no]
            if others:
                return None
        known = self.entries.setdefault((consumer_no, kind, reference), None)
        if known is None:
            self.entries[consumer_no, kind, reference] = amount
            return False
        return True if known == amount else None

    def balance(self, consumer_no):
        return sum(amount for (owner, *_), amount in self.entries.items() if owner == consumer_no)


async def book(store, consumer_no, kind, amount, reference, clock):
    if kind is EntryKind.RECHARGE:
        return (await store.accounts.recharge(consumer_no, amount, reference, clock.now, "desk", None)).repeated
    return (await store.accounts.book(NewEntry(consumer_no, kind, amount, reference, clock.now))).repeated


async def run(steps):
    clock = Clock(START)
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        store = await open_sqlite(Path(folder), clock)
        await settle_in(store, Path(folder), count=2)
        for consumer_no, kind, value, reference, minutes in steps:
            clock.forward(minutes=minutes)
            amount = abs(value) % 10**8 + 1 if kind is EntryKind.RECHARGE else value
            expected = model.book(consumer_no, kind, amount, reference)
            if expected is None:
                with pytest.raises((EntryConflict, PaymentConflict)):
                    await book(store, consumer_no, kind, amount, reference, clock)
            else:
                assert await book(store, consumer_no, kind, amount, reference, clock) is expected
        await compare(store, model, clock)
        await store.close()


async def compare(store, model, clock):
    for consumer_no in CONSUMERS:
        balance = await store.accounts.balance(consumer_no)
        assert balance == model.balance(consumer_no)
        entries = await store.accounts.ledger(consumer_no, 1000)
        assert sum(entry.amount for entry in entries) == balance == entries[0].balance
        assert {(consumer_no, entry.kind, entry.reference): entry.amount for entry in entries} == {
            key: amount for key, amount in model.entries.items() if key[0] == consumer_no
        }
        facts = (await store.accounts.view(consumer_no, clock.now)).facts
        assert (facts.negative_since is not None) == (balance < 0)
    assert (await store.check()).ok


@settings(max_examples=40, deadline=None)
@given(st.lists(bookings, max_size=30))
def test_the_balance_is_the_sum_of_what_was_accepted(steps):
    asyncio.run(run(steps))


@settings(max_examples=10, deadline=None)
@given(st.permutations([(kind, amount) for kind in (EntryKind.FIXED, EntryKind.DUTY) for amount in (-5, 300, -20_000)]))
def test_independent_entries_add_up_to_the_same_in_every_order(order):
    async def booked():
        clock = Clock(START)
        with tempfile.TemporaryDirectory() as folder:
            store = await open_sqlite(Path(folder), clock)
            await settle_in(store, Path(folder))
            entries = [NewEntry(CONSUMER, kind, amount, f"{kind}{amount}", clock.now) for kind, amount in order]
            await asyncio.gather(*(store.accounts.book(entry) for entry in entries))
            balance = await store.accounts.balance(CONSUMER)
            await store.close()
            return balance

    assert asyncio.run(booked()) == 100_00 + 2 * (-5 + 300 - 20_000)
