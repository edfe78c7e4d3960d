import asyncio
from datetime import timedelta
from decimal import Decimal

import attrs
import pytest
from store_making import (
    COLUMNS,
    CONSUMER,
    SERIAL,
    START,
    clock_reading,
    cut,
    disconnect,
    energy,
    events_of,
    keep,
    meter,
    notice,
    reading,
    relay,
    rows,
    settle_in,
    visit,
)

from headend.commands.model import Origin
from headend.meters.reading import Column, ProfileRow, ProfileRows, Reading
from headend.notify.model import NoticeKind
from headend.prepaid.model import BalanceSource, EnergyMark, Mode
from headend.scheduler.ports import Outcome, ReadResult
from headend.storage import UnknownMeter

FOREVER = (START - timedelta(days=400), START + timedelta(days=400))


@pytest.fixture
async def fleet(store, tmp_path):
    await settle_in(store, tmp_path, count=2)
    return store.fleet


async def seen(fleet, clock, /, **learned):
    """The account as the judge sees it after a visit."""
    views = []
    await fleet.record_visit(visit(clock, **learned), lambda view: views.append(view) or keep(view))
    return views[0]


async def test_a_meter_comes_back_as_it_was_added(store):
    added = meter(7, system_title=b"HED\0\0\0\0\7", server_sap=17, lane="gateway-1", group="rural")
    await store.registry.add_meter(added)
    assert await store.fleet.meter(added.serial) == added
    assert await store.fleet.meters() == [added]
    assert await store.fleet.meter("NOBODY") is None


async def test_a_system_title_is_pinned_once(fleet):
    await fleet.pin_system_title(SERIAL, b"HED\0\0\0\0\1")
    await fleet.pin_system_title(SERIAL, b"HED\0\0\0\0\1")
    with pytest.raises(Exception, match="another system title"):
        await fleet.pin_system_title(SERIAL, b"HED\0\0\0\0\2")
    assert (await fleet.meter(SERIAL)).system_title == b"HED\0\0\0\0\1"
    with pytest.raises(UnknownMeter):
        await fleet.pin_system_title("NOBODY", b"HED\0\0\0\0\1")


async def test_rows_come_back_with_their_values_and_columns(fleet, clock):
    columns = (*COLUMNS, Column("text", "0.0.96.1.0.255", 2, 0, ""), Column("octets", "0.0.96.1.1.255", 2, 0, ""))
    row = ProfileRow(START, b"\x07\xea" + bytes(10), (-(2**63), 2**64 - 1, "मीटर", b"\x00\xff"))
    empty = ProfileRow(START + timedelta(seconds=0.25), bytes(12), (None, 0, "", b""))
    written = ProfileRows("block_load", columns, (row, empty))
    await fleet.record_visit(visit(clock, profiles=(written,)), None)
    assert await fleet.rows(SERIAL, "block_load", *FOREVER) == [
        ProfileRows(
            "block_load", columns, (row, ProfileRow(START + timedelta(seconds=0.25), bytes(12), (None, 0, "", b"")))
        )
    ]


async def test_rows_are_cut_out_by_time_half_open(fleet, clock):
    await fleet.record_visit(visit(clock, profiles=(rows(START, 10),)), None)
    (piece,) = await fleet.rows(SERIAL, "block_load", START + timedelta(minutes=30), START + timedelta(minutes=90))
    assert [row.time for row in piece.rows] == [START + timedelta(minutes=30), START + timedelta(minutes=60)]


async def test_the_last_row_is_known_per_meter_and_profile(fleet, clock):
    assert await fleet.last_row(SERIAL, "block_load") is None
    await fleet.record_visit(visit(clock, profiles=(rows(START, 3),)), None)
    assert await fleet.last_row(SERIAL, "block_load") == START + timedelta(minutes=60)
    assert await fleet.last_row(SERIAL, "daily") is None
    assert await fleet.last_row(meter(2).serial, "block_load") is None


async def test_a_new_set_of_columns_does_not_disturb_the_old_one(fleet, clock):
    await fleet.record_visit(visit(clock, profiles=(rows(START, 2),)), None)
    wider = (*COLUMNS, Column("current", "1.0.11.27.0.255", 2, -2, "A"))
    later = ProfileRows("block_load", wider, (ProfileRow(START + timedelta(hours=5), bytes(12), (1, 2, 3)),))
    await fleet.record_visit(visit(clock, profiles=(later,)), None)
    pieces = await fleet.rows(SERIAL, "block_load", *FOREVER)
    assert [(piece.columns, len(piece.rows)) for piece in pieces] == [(COLUMNS, 2), (wider, 1)]
    assert await fleet.last_row(SERIAL, "block_load") == START + timedelta(hours=5)


async def test_rows_read_twice_are_stored_once_and_are_no_incident(store, fleet, clock):
    await fleet.record_visit(visit(clock, profiles=(rows(START, 10),)), None)
    await fleet.record_visit(visit(clock, profiles=(rows(START, 20),)), None)
    (piece,) = await fleet.rows(SERIAL, "block_load", *FOREVER)
    assert piece == rows(START, 20)
    assert await events_of(store, "reading.conflict") == []


async def test_a_row_that_contradicts_is_kept_beside_and_told_once(store, fleet, clock):
    await fleet.record_visit(visit(clock, profiles=(rows(START, 3),)), None)
    for _ in range(2):
        await fleet.record_visit(visit(clock, profiles=(rows(START, 4, first=1),)), None)
    (piece,) = await fleet.rows(SERIAL, "block_load", *FOREVER)
    assert piece.rows[:3] == rows(START, 3).rows
    assert piece.rows[3] == rows(START, 4, first=1).rows[3]
    events = await events_of(store, "reading.conflict")
    assert len(events) == 3
    assert '"object":"profile:block_load"' in events[0].payload
    assert "23000" in events[0].payload
    assert "23001" in events[0].payload
    assert (await store.check()).counted["conflicts"] == 3


@pytest.mark.parametrize(
    "names", [("meter", "time"), ('a"; DROP TABLE meters; --', "é"), ("", "x" * 300), ("same", "same")]
)
async def test_hostile_column_names_are_only_names(fleet, clock, names):
    columns = tuple(Column(name, "1.0.1.8.0.255", 2, 0, "") for name in names)
    await fleet.record_visit(visit(clock, profiles=(rows(START, 2, columns=columns, profile="x'y\""),)), None)
    (piece,) = await fleet.rows(SERIAL, "x'y\"", *FOREVER)
    assert piece.columns == columns
    assert len(await fleet.meters()) == 2


async def test_endless_new_columns_end_in_an_incident_and_the_visit_is_kept(store, fleet, clock):
    for number in range(101):
        columns = (Column(f"c{number}", "1.0.1.8.0.255", 2, 0, ""), COLUMNS[0])
        await fleet.record_visit(
            visit(clock, profiles=(rows(START, 1, columns=columns),), relay=relay(clock, connected=True)), None
        )
    assert len(await fleet.rows(SERIAL, "block_load", *FOREVER)) == 100
    (event,) = await events_of(store, "reading.refused")
    assert "block_load" in event.payload


@pytest.mark.parametrize(
    "value",
    [Decimal("12.50"), Decimal(-7), Decimal(0), Decimal("1E+3"), Decimal(2**70), Decimal("-1E-9"), "text", "12.5", ""],
)
async def test_a_register_value_comes_back_exactly(fleet, clock, value):
    sent = Reading("r", "0.0.96.1.0.255", value, "Wh" if isinstance(value, Decimal) else "", clock.now)
    await fleet.record_visit(visit(clock, readings=(sent,)), None)
    (got,) = await fleet.latest(SERIAL)
    assert got == sent
    assert str(got.value) == str(value) or isinstance(value, Decimal)
    assert type(got.value) is type(value)


async def test_latest_is_the_newest_and_history_has_all(fleet, clock):
    for value in ("1", "2", "3"):
        await fleet.record_visit(visit(clock, readings=(reading(clock, value),)), None)
        clock.forward(minutes=30)
    assert [one.value for one in await fleet.latest(SERIAL)] == [Decimal(3)]
    history = await fleet.history(SERIAL, "energy_import", START, START + timedelta(hours=1))
    assert [one.value for one in history] == [Decimal(1), Decimal(2)]


async def test_a_register_with_its_own_time_is_stored_once_for_that_time(store, fleet, clock):
    stamped = START - timedelta(minutes=5)
    for value in ("1", "1", "2"):
        clock.forward(minutes=1)
        await fleet.record_visit(visit(clock, readings=(reading(clock, value, meter_time=stamped),)), None)
    assert [one.value for one in await fleet.history(SERIAL, "energy_import", *FOREVER)] == [Decimal(1)]
    (event,) = await events_of(store, "reading.conflict")
    assert '"object":"register:energy_import"' in event.payload


async def test_the_judge_sees_what_the_visit_brought(fleet, clock):
    view = await seen(
        fleet,
        clock,
        readings=(reading(clock),),
        relay=relay(clock, connected=True),
        clock=clock_reading(clock, -3.5),
    )
    facts = view.facts
    assert (facts.now, facts.reading_at, facts.relay_connected, facts.clock_deviation) == (
        clock.now,
        clock.now,
        True,
        -3.5,
    )
    assert (facts.account.meter, facts.account.consumer_no, facts.time_zone) == (SERIAL, CONSUMER, "Asia/Kolkata")
    assert (facts.mode, facts.armed, facts.kill_switch) == (Mode.AUTOMATIC, True, False)
    assert (facts.open_command, facts.cuts_last_hour, view.mark, view.notices) == (None, 0, None, ())


async def test_what_an_earlier_visit_knew_stays_known(fleet, clock):
    before = clock.now
    await seen(
        fleet, clock, readings=(reading(clock),), relay=relay(clock, connected=False), clock=clock_reading(clock)
    )
    clock.forward(hours=1)
    facts = (await seen(fleet, clock, outcome=Outcome.UNREACHABLE, error="no answer")).facts
    assert (facts.reading_at, facts.relay_connected, facts.clock_deviation) == (before, False, 2.0)


async def test_a_ledger_account_is_as_old_as_its_energy_mark(fleet, clock):
    mark = EnergyMark(SERIAL, 1234, clock.now - timedelta(minutes=2), 17, 23, "2026-03", 999)
    assert len(attrs.fields(EnergyMark)) == 7, "a new field must be stored, and be part of this mark"
    await fleet.record_visit(
        visit(clock), lambda view: keep(view, mark=mark, entries=(energy(clock, -40_00, "0..1234"),))
    )
    view = await seen(fleet, clock)
    assert view.mark == mark
    assert (view.facts.balance, view.facts.balance_at) == (60_00, mark.at)


async def test_a_ledger_account_without_mark_has_a_balance_of_unknown_age(fleet, clock):
    facts = (await seen(fleet, clock, balance=-500, balance_at=clock.now)).facts
    assert (facts.balance, facts.balance_at) == (100_00, None)


async def test_a_meter_account_has_the_balance_that_the_meter_shows(store, clock, tmp_path):
    await settle_in(store, tmp_path, source=BalanceSource.METER, opening="")
    facts = (await seen(store.fleet, clock)).facts
    assert (facts.balance, facts.balance_at, facts.negative_since) == (None, None, None)
    at = clock.now - timedelta(minutes=1)
    facts = (await seen(store.fleet, clock, balance=-1, balance_at=at)).facts
    assert (facts.balance, facts.balance_at, facts.negative_since) == (-1, at, at)
    clock.forward(hours=1)
    facts = (await seen(store.fleet, clock, balance=-500, balance_at=clock.now)).facts
    assert (facts.balance, facts.negative_since) == (-500, at)
    facts = (await seen(store.fleet, clock, balance=0, balance_at=clock.now)).facts
    assert (facts.balance, facts.negative_since) == (0, None)


async def test_below_zero_begins_with_the_entry_that_crossed_and_ends_with_credit(store, fleet, clock):
    begin = clock.now
    await fleet.record_visit(visit(clock), lambda view: keep(view, entries=(energy(clock, -100_01, "a"),)))
    clock.forward(days=1)
    await fleet.record_visit(visit(clock), lambda view: keep(view, entries=(energy(clock, -1, "b"),)))
    assert (await seen(fleet, clock)).facts.negative_since == begin
    await store.accounts.recharge(CONSUMER, 2, "P1", clock.now, "desk", None)
    assert (await seen(fleet, clock)).facts.negative_since is None


async def test_notices_are_written_once_and_count_since_below_zero(store, fleet, clock):
    await fleet.record_visit(visit(clock), lambda view: keep(view, notices=(notice(clock, "old"),)))
    clock.forward(hours=1)
    await fleet.record_visit(visit(clock), lambda view: keep(view, entries=(energy(clock, -200_00, "a"),)))
    assert (await seen(fleet, clock)).facts.notice_at is None
    written = clock.forward(hours=1)
    for _ in range(2):
        await fleet.record_visit(visit(clock), lambda view: keep(view, notices=(notice(clock, "n1"),)))
        clock.forward(hours=1)
    view = await seen(fleet, clock)
    assert (view.facts.notice_at, view.facts.notice_delivered_at) == (written, None)
    assert [sent.key for sent in view.notices] == ["old", "n1"]
    await store.accounts.notice_key_delivered(CONSUMER, "n1", clock.now)
    delivered = clock.now
    clock.forward(hours=1)
    (newest, _) = await store.accounts.notices(CONSUMER)
    await store.accounts.notice_delivered(newest.id, clock.now)
    assert (await seen(fleet, clock)).facts.notice_delivered_at == delivered
    assert newest.notice.texts["hi"] == "शेष राशि ऋणात्मक है"
    events = await events_of(store, "notice.written")
    assert len(events) == 2
    assert "ऋणात्मक" in events[0].payload


async def test_the_newest_notice_of_each_kind_is_never_too_old_to_be_seen(fleet, clock):
    for kind, key in ((NoticeKind.CUT_DONE, "cut"), (NoticeKind.NEGATIVE, "n1"), (NoticeKind.NEGATIVE, "n2")):
        await fleet.record_visit(visit(clock), lambda view, key=key, kind=kind: told(view, clock, key, kind))
        clock.forward(minutes=1)
    clock.forward(days=400)
    assert [sent.key for sent in (await seen(fleet, clock)).notices] == ["cut", "n2"]


def told(view, clock, key, kind):
    return keep(view, notices=(notice(clock, key, kind),))


async def test_the_command_of_a_judgement_is_journalled_in_the_same_transaction(store, fleet, clock):
    command = cut(clock, origin=Origin.POLICY, cause="policy:1")
    judgement = await fleet.record_visit(visit(clock), lambda view: disconnect(view, command))
    assert judgement.command == command
    (journalled,) = await store.journal.open_for(SERIAL)
    assert journalled.cause == "policy:1"
    (decision,) = await store.accounts.decisions(CONSUMER)
    assert (decision.verdict, decision.reason, decision.command) == ("disconnect", "negative", journalled.id)
    assert f'"consumer_no":"{CONSUMER}"' in decision.facts
    facts = (await seen(fleet, clock)).facts
    assert (facts.open_command.id, facts.open_command.target, facts.open_command.origin) == (
        journalled.id,
        "disconnected",
        "policy",
    )
    assert (facts.cuts_last_hour, facts.cuts_last_day, facts.cuts_segment) == (1, 1, 1)


async def test_a_command_that_a_rule_forbids_leaves_the_visit_standing(store, fleet, clock):
    await store.switches.set_kill_switch(on=True, by="test")
    command = cut(clock, origin=Origin.POLICY)
    await fleet.record_visit(visit(clock, readings=(reading(clock),)), lambda view: disconnect(view, command))
    assert await store.journal.commands() == []
    assert len(await fleet.latest(SERIAL)) == 1
    (event,) = await events_of(store, "command.refused")
    assert "kill switch" in event.payload


async def test_a_judge_that_fails_leaves_nothing_behind(store, fleet, clock):
    def fails(view):
        raise RuntimeError("a defect")

    with pytest.raises(RuntimeError):
        await fleet.record_visit(visit(clock, readings=(reading(clock),), profiles=(rows(START, 3),)), fails)
    assert await fleet.latest(SERIAL) == []
    assert await fleet.last_row(SERIAL, "block_load") is None
    assert await fleet.last_visits() == {}


async def test_nothing_is_judged_without_judge_or_account(store, clock):
    await store.registry.add_meter(meter(1, consumer_no=None))
    assert await store.fleet.record_visit(visit(clock), None) is None
    assert await store.fleet.record_visit(visit(clock), keep) is None


async def test_a_verdict_that_repeats_is_counted_and_one_that_moves_a_relay_is_kept_each_time(store, fleet, clock):
    for _ in range(3):
        await fleet.record_visit(visit(clock), keep)
        clock.forward(minutes=30)
    for _ in range(2):
        await fleet.record_visit(visit(clock), lambda view: disconnect(view, None))
    decisions = await store.accounts.decisions(CONSUMER)
    assert [(one.verdict, one.times) for one in decisions] == [("disconnect", 1), ("disconnect", 1), ("keep", 3)]
    assert decisions[-1].last_at == START + timedelta(hours=1)


async def test_flags_are_events(store, fleet, clock):
    await fleet.record_visit(visit(clock), lambda view: keep(view, flags=("energy.roll_back",)))
    (event,) = await events_of(store, "energy.roll_back")
    assert (event.meter, event.consumer_no) == (SERIAL, CONSUMER)


async def test_an_entry_that_contradicts_is_an_incident_and_the_visit_stands(store, fleet, clock):
    for paise in (-10, -10, -11):
        await fleet.record_visit(
            visit(clock), lambda view, paise=paise: keep(view, entries=(energy(clock, paise, "a"),))
        )
    assert await store.accounts.balance(CONSUMER) == 99_90
    assert len(await events_of(store, "ledger.conflict")) == 1


async def test_only_done_visits_count_as_visited(fleet, clock):
    done = clock.now
    await fleet.record_visit(visit(clock), None)
    clock.forward(hours=1)
    await fleet.record_visit(visit(clock, outcome=Outcome.UNREACHABLE, error="no answer"), None)
    await fleet.record_visit(visit(clock, 2, outcome=Outcome.WRONG_METER, error="expected A, found B"), None)
    assert await fleet.last_visits() == {SERIAL: done}


async def test_a_failure_is_told_when_it_begins_and_when_it_ends(store, fleet, clock):
    for outcome in (
        Outcome.DONE,
        Outcome.UNREACHABLE,
        Outcome.UNREACHABLE,
        Outcome.REFUSED,
        Outcome.DONE,
        Outcome.DONE,
    ):
        await fleet.record_visit(visit(clock, outcome=outcome, error=None if outcome is Outcome.DONE else "why"), None)
    kinds = [event.kind for event in await store.events.events(0) if event.kind.startswith("visit.")]
    assert kinds == ["visit.failed", "visit.failed", "visit.recovered"]


async def test_a_relay_that_moved_is_told_and_an_old_reading_is_not_believed(store, fleet, clock):
    old = relay(clock, connected=True)
    clock.forward(minutes=1)
    for connected in (True, True, False):
        await fleet.record_visit(visit(clock, relay=relay(clock, connected=connected)), None)
    await fleet.record_visit(visit(clock, relay=old), None)
    assert len(await events_of(store, "relay.disconnected")) == 1
    assert await events_of(store, "relay.connected") == []
    assert (await seen(fleet, clock)).facts.relay_connected is False


async def test_a_visit_of_an_unknown_meter_is_refused(fleet, clock):
    with pytest.raises(UnknownMeter):
        await fleet.record_visit(visit(clock, 99), None)


async def test_a_slot_runs_once_whoever_asks(opened, clock):
    first, second = await opened(), await opened()
    claims = [store.fleet.claim_slot("block", START) for store in (first, second) * 3]
    assert sorted(await asyncio.gather(*claims)) == [False] * 5 + [True]
    assert await first.fleet.claim_slot("daily", START)
    assert await first.fleet.claim_slot("block", START + timedelta(minutes=30))


async def test_a_slot_too_old_to_be_remembered_is_not_run_again(store):
    assert await store.fleet.claim_slot("block", START)
    assert await store.fleet.claim_slot("block", START + timedelta(days=60))
    assert not await store.fleet.claim_slot("block", START)
    assert await store.fleet.claim_slot("block", START + timedelta(days=59))


async def test_a_read_request_is_given_out_once_and_answered_once(opened, clock, tmp_path):
    asker, daemon = await opened(), await opened(armed=False)
    await settle_in(asker, tmp_path)
    number = await asker.fleet.ask_read(SERIAL, "block_load", START, START + timedelta(days=1))
    assert await asker.fleet.read_result(number) is None
    (request,) = await daemon.fleet.new_read_requests()
    assert (request.id, request.meter, request.profile, request.since) == (number, SERIAL, "block_load", START)
    assert request.until == START + timedelta(days=1)
    assert await daemon.fleet.new_read_requests() == []
    await daemon.fleet.finish_read(number, ReadResult('{"rows":[]}', None, 0))
    await daemon.fleet.finish_read(number, ReadResult(None, "too late", 1))
    assert await asker.fleet.read_result(number) == ReadResult('{"rows":[]}', None, 0)
    with pytest.raises(UnknownMeter):
        await asker.fleet.ask_read("NOBODY")


async def test_a_read_that_died_with_its_daemon_is_answered_by_the_next(opened, clock, tmp_path):
    asker = await opened()
    await settle_in(asker, tmp_path)
    number = await asker.fleet.ask_read(SERIAL)
    await asker.fleet.new_read_requests()
    waiting = await asker.fleet.ask_read(SERIAL)
    daemon = await opened(armed=False)
    assert (await asker.fleet.read_result(number)).exit_code == 1
    assert [request.id for request in await daemon.fleet.new_read_requests()] == [waiting]
