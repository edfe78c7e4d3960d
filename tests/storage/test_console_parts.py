from datetime import UTC, date, datetime, time, timedelta

import pytest
from attrs import evolve

from headend.commands.journal import RefusedByRule
from headend.commands.model import NewCommand, Origin, State, Target
from headend.prepaid.calendar import Calendar, Closed, Hours
from headend.storage.kek import Kek, KekError
from headend.storage.store import Store
from headend.storage.workitems import WorkKind
from headend.transport.recording import Recording

NOON = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
CONSUMERS = "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance\n"
PERSON = "20000000001,Ram,hi,9800000001,domestic,Ranchi/East,default,{protected},ledger,SN1,-50.00\n"
METERS = "serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone\n"
METER = "SN1,LDNSN1,,is15959-single-phase,tcp://127.0.0.1:1,1,,Ranchi/East,,default,Asia/Kolkata\n"


@pytest.fixture
async def store(tmp_path):
    found = await Store.open(tmp_path / "headend.db", kek=Kek(bytes(32), "test"), now=lambda: NOON)
    (tmp_path / "meters.csv").write_text(METERS + METER)
    await found.registry.import_meters(tmp_path / "meters.csv")
    await bring(found, tmp_path)
    yield found
    await found.close()


async def bring(store, folder, protected=""):
    (folder / "consumers.csv").write_text(CONSUMERS + PERSON.format(protected=protected))
    await store.registry.import_consumers(folder / "consumers.csv")


async def closed(store, at=NOON):
    view = await store.accounts.view("20000000001", at)
    return Calendar(hours=(), days=frozenset(), second_saturdays=False).beside(view.closures).closed(at, "Asia/Kolkata")


async def test_a_day_that_an_officer_adds_closes_its_office_and_what_lies_below_it(store):
    book = store.console.closures
    await book.add("Ranchi/West", date(2026, 11, 24), "fair", "officer_1")
    assert await closed(store) is None
    await book.add("Ranchi", date(2026, 11, 24), "election", "officer_1")
    assert await closed(store) is Closed.HOLIDAY
    assert await closed(store, NOON + timedelta(days=1)) is None
    with pytest.raises(RefusedByRule, match="has passed"):
        await book.add("", date(2026, 11, 1), "late", "officer_1")


async def test_hours_that_are_added_hold_until_a_second_person_lifts_them(store):
    book = store.console.closures
    added = await book.add("", Hours(time(11), time(13), frozenset({1})), "noon", "officer_1")
    assert await closed(store) is Closed.HOUR
    asked = await book.lift(added.id, "officer_1", second_person=True)
    assert asked.lift_asked_by == "officer_1"
    assert await closed(store) is Closed.HOUR
    with pytest.raises(RefusedByRule, match="second person"):
        await book.lift(added.id, "officer_1", second_person=True)
    await book.keep(added.id, "officer_2")
    await book.lift(added.id, "officer_2", second_person=True)
    await book.lift(added.id, "officer_1", second_person=True)
    assert await closed(store) is None
    assert await book.closures() == []
    with pytest.raises(RefusedByRule, match="already"):
        await book.lift(added.id, "officer_2", second_person=True)
    kinds = [each.kind for each in await store.events.events(0, 100)]
    assert [each for each in kinds if each.startswith("calendar")] == [
        "calendar.closed",
        "calendar.kept",
        "calendar.opened",
    ]


async def test_a_protection_calls_off_what_is_not_sent_and_no_import_lifts_it(store, tmp_path):
    await store.switches.set_armed(on=True, by="test")
    cut = NewCommand(
        meter="SN1",
        target=Target.DISCONNECTED,
        cause="policy:1",
        origin=Origin.OPERATOR,
        reason="x",
        requested_by="officer_1",
        requested_at=NOON,
        expires_at=NOON + timedelta(hours=4),
    )
    command = await store.journal.request(cut)
    made = await store.console.protections.protect("20000000001", "dialysis at home", "officer_1")
    assert (await store.journal.command(command.id)).state is State.CANCELLED
    await bring(store, tmp_path)
    assert (await store.accounts.account("20000000001")).protected == "dialysis at home"
    with pytest.raises(RefusedByRule, match="protected"):
        await store.journal.request(evolve(cut, cause="policy:2"))
    with pytest.raises(RefusedByRule, match="already"):
        await store.console.protections.protect("20000000001", "twice", "officer_2")
    await store.console.protections.lift(made.id, "officer_1", second_person=True)
    assert (await store.accounts.account("20000000001")).protected == "dialysis at home"
    with pytest.raises(RefusedByRule, match="second person"):
        await store.console.protections.lift(made.id, "officer_1", second_person=True)
    await store.console.protections.lift(made.id, "officer_2", second_person=True)
    assert (await store.accounts.account("20000000001")).protected is None


async def test_what_an_import_says_stays_when_an_officers_protection_is_lifted(store, tmp_path):
    made = await store.console.protections.protect("20000000001", "dialysis at home", "officer_1")
    await bring(store, tmp_path, "hospital")
    await store.console.protections.lift(made.id, "officer_2", second_person=False)
    assert (await store.accounts.account("20000000001")).protected == "hospital"


async def test_an_item_changes_hands_and_its_history_stays(store):
    care = store.console.care
    number = await care.open_by_hand("SN1", WorkKind.GIVEN_UP, "officer_1", "gate is locked")
    with pytest.raises(RefusedByRule, match="open already"):
        await care.open_by_hand("SN1", WorkKind.GIVEN_UP, "officer_2", "the same")
    with pytest.raises(RefusedByRule, match="has it already"):
        await care.take(number, "officer_1")
    await care.hand_over(number, "officer_1", "officer_2", "nearer to it")
    await care.note(number, "officer_2", "key is with the guard")
    await care.give_back(number, "officer_2", "on leave")
    assert [(each.did, each.owner) for each in await care.steps(number)] == [
        ("opened", "officer_1"),
        ("handed_over", "officer_2"),
        ("noted", "officer_2"),
        ("gave_back", None),
    ]
    await store.work.close(number, "officer_2", "read by hand")
    with pytest.raises(RefusedByRule, match="closed"):
        await care.take(number, "officer_1")


async def test_a_recorded_visit_is_sealed_few_and_soon_gone(tmp_path, store):
    traces = store.console.traces
    request = await traces.ask_read("SN1", "officer_1")
    assert await traces.wanted((request + 1, request)) == (request, "officer_1")
    kept = Recording()
    kept.add(1, b"a password in clear", sent=True)
    kept.add(1, b"", sent=False)
    await traces.keep("SN1", request, "officer_1", kept, NOON)
    assert await traces.wanted((request,)) is None
    (found,) = await traces.of_meter("SN1")
    assert (found.octets, found.cut, found.request) == (19, False, request)
    whole = await traces.trace("SN1", found.id)
    assert [(each.sent, each.octets) for each in whole.pieces] == [(True, b"a password in clear")]
    assert b"a password" not in repr(whole).encode()
    assert b"a password in clear" not in (tmp_path / "headend.db").read_bytes()
    assert b"a password in clear" not in (tmp_path / "headend.db-wal").read_bytes()
    for _ in range(7):
        await traces.keep("SN1", request, "officer_1", kept, NOON)
    assert len(await traces.of_meter("SN1")) == 5
    await traces.keep("SN1", request, "officer_1", kept, NOON - timedelta(days=8))
    assert len(await traces.of_meter("SN1")) == 5


async def test_without_the_key_that_seals_nothing_is_recorded(tmp_path):
    store = await Store.open(tmp_path / "headend.db", kek=None, now=lambda: NOON)
    with pytest.raises(KekError, match="recorded"):
        await store.console.traces.ask_read("SN1", "officer_1")
    await store.close()
