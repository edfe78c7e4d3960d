"""What officers keep by hand, on both databases."""

from datetime import date, time, timedelta

import pytest
from store_making import OFFICE, settle_in

from headend.commands.journal import RefusedByRule
from headend.prepaid.calendar import Hours
from headend.storage.workitems import WorkKind
from headend.transport.recording import Recording


async def settled(store, folder):
    """A serial and the number of its consumer."""
    await settle_in(store, folder, count=1)
    (row,), _ = await store.listings.page("meters")
    return row["serial"], row["consumer_no"]


async def test_what_is_added_to_the_calendar_reaches_the_facts_of_an_account(store, tmp_path):
    _, consumer = await settled(store, tmp_path)
    book, now = store.console.closures, store.console.closures._now()
    day = now.date() + timedelta(days=30)
    added = await book.add(OFFICE, day, "fair", "officer_1")
    await book.add("", Hours(time(9), time(10), frozenset({0, 6})), "school", "officer_1")
    closures = (await store.accounts.view(consumer, now)).closures
    assert closures.holidays == {day}
    assert closures.hours == (Hours(time(9), time(10), frozenset({0, 6})),)
    await book.lift(added.id, "officer_1", second_person=True)
    await book.lift(added.id, "officer_2", second_person=True)
    assert (await store.accounts.view(consumer, now)).closures.holidays == frozenset()
    with pytest.raises(RefusedByRule, match="has passed"):
        await book.add("", date(2020, 1, 1), "late", "officer_1")


async def test_a_protection_holds_whoever_writes_the_account(store, tmp_path):
    _, consumer = await settled(store, tmp_path)
    made = await store.console.protections.protect(consumer, "dialysis", "officer_1")
    await store.registry.import_consumers(tmp_path / "consumers.csv")
    assert (await store.accounts.account(consumer)).protected == "dialysis"
    rows, _ = await store.listings.page("protections", filters={"all": "1"})
    assert [(row["consumer_no"], row["added_by"]) for row in rows] == [(consumer, "officer_1")]
    await store.console.protections.lift(made.id, "officer_2", second_person=False)
    assert (await store.accounts.account(consumer)).protected is None


async def test_work_changes_hands_and_a_recorded_visit_is_found_again(store, tmp_path):
    serial, _ = await settled(store, tmp_path)
    number = await store.console.care.open_by_hand(serial, WorkKind.CONFLICT, "officer_1", "look")
    await store.console.care.hand_over(number, "officer_1", "officer_2", "nearer")
    rows, _ = await store.listings.page("work", filters={"owner": "officer_2"})
    assert [row["id"] for row in rows] == [number]
    traces = store.console.traces
    request = await traces.ask_read(serial, "officer_1")
    kept = Recording()
    kept.add(1, b"\x00\x01", sent=True)
    for _ in range(7):
        await traces.keep(serial, request, "officer_1", kept, traces._now())
    found = await traces.of_meter(serial)
    assert len(found) == 5
    assert (await traces.trace(serial, found[0].id)).pieces[0].octets == b"\x00\x01"
    assert await traces.of_request(request) == found[0].id
    assert [each.role for each in await store.console.housekeeping.keys("", traces._now())] == []
    assert (await store.console.housekeeping.clock(serial)).per_day is None
