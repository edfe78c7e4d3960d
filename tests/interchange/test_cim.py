from datetime import timedelta

import pytest
from cim_messages import NAMESPACES, example, result, valid
from exchange_house import HOUR

from headend.app.interchange_cim import CimDesk
from headend.app.interchange_export import ExportDesk
from headend.commands.model import Origin, State, Target
from headend.meters.reading import Column, ProfileRow, ProfileRows, Reading, RelayState
from headend.scheduler.ports import Outcome, VisitRecord
from headend.storage.errors import StorageError, UnknownExchange, UnknownMeter

DEVICE = "<c:EndDevices><c:Names><c:name>{}</c:name></c:Names></c:EndDevices>"


@pytest.fixture
def desk(house):
    return CimDesk(house.headend, house.clock)


async def commands(house):
    return await house.headend.store.journal.commands()


async def due(house):
    return await house.headend.store.exchanges.due(house.now)


async def test_a_disconnect_is_acknowledged_at_once_and_journalled_with_its_reason(house, desk):
    status, body = await desk.handle(example("disconnect"), "gateway")
    assert (status, result(body)) == (200, ("OK", [], "case-77"))
    (command,) = await commands(house)
    assert (command.meter, command.target, command.state) == ("M1", Target.DISCONNECTED, State.REQUESTED)
    assert (command.origin, command.reason, command.requested_by) == (Origin.EXTERNAL, "meter exchange", "MDM")
    assert command.cause == "external:MDM:disconnect-1"
    assert await due(house) == []


async def test_the_final_answer_is_due_only_when_the_relay_was_read_back(house, desk):
    await desk.handle(example("disconnect"), "gateway")
    (command,) = await commands(house)
    await house.settle(command, connected=False, state=State.UNKNOWN)
    assert await due(house) == []
    journal = house.headend.store.journal
    from headend.commands.model import Evidence

    relay = RelayState(False, 0, 4, house.now)  # noqa: FBT003  as it was read
    await journal.settle(command.id, State.CONFIRMED, house.now, Evidence(None, relay, sent=True, note="found"))
    (exchange,) = await due(house)
    assert result(desk.told(exchange)) == ("OK", [], "case-77")


async def test_a_message_that_comes_again_is_done_once_and_told_where_it_stands(house, desk):
    body = example("disconnect", at=house.now)
    for _ in range(3):
        assert result((await desk.handle(body, "gateway"))[1])[0] == "OK"
    (command,) = await commands(house)
    await house.settle(command, connected=True, state=State.REJECTED)
    assert result((await desk.handle(body, "gateway"))[1])[:2] == ("FAILED", ["command_rejected"])
    assert len(await commands(house)) == 1


async def test_the_id_of_another_message_is_a_conflict_and_does_nothing(house, desk):
    await desk.handle(example("disconnect"), "gateway")
    other = example("disconnect", texts={"meter exchange": "something else"})
    status, body = await desk.handle(other, "gateway")
    assert (status, result(body)[:2]) == (409, ("FAILED", ["message_id_taken"]))
    elsewhere = example("disconnect", texts={"<Source>MDM<": "<Source>billing<"})
    assert (await desk.handle(elsewhere, "gateway"))[0] == 200
    assert len(await commands(house)) == 1


async def test_the_rules_of_a_cut_by_hand_hold(house, desk):
    protected = example("disconnect", texts={">M1<": ">M2<"})
    status, body = await desk.handle(protected, "gateway")
    assert (status, result(body)[:2]) == (200, ("FAILED", ["refused_by_rule"]))
    assert b"medical equipment" in body
    assert await commands(house) == []

    await house.headend.store.switches.set_kill_switch(on=True, by="test")
    status, body = await desk.handle(example("disconnect", texts={"disconnect-1": "d-2"}), "gateway")
    assert b"kill switch" in body
    assert result((await desk.handle(example("connect"), "gateway"))[1])[0] == "OK"


async def test_a_cap_holds_and_what_waits_for_a_person_is_said(house, desk):
    (house.folder / "policy.toml").write_text('name = "capped"\n[caps]\nper_hour = 0\n')
    async with house.reopened() as again:
        status, body = await CimDesk(again.headend, house.clock).handle(example("disconnect"), "gateway")
        assert (status, result(body)[:2]) == (200, ("OK", ["waits_for_person"]))
        assert [each.state for each in await again.headend.store.journal.commands()] == [State.QUARANTINED]


async def test_of_several_controls_each_is_answered(house, desk):
    devices = "".join(DEVICE.format(name) for name in ("M2", "M9"))
    body = example("disconnect", texts={"</c:EndDevices>": f"</c:EndDevices>{devices}"})
    answered = result((await desk.handle(body, "gateway"))[1])
    assert answered[:2] == ("PARTIAL", ["refused_by_rule", "unknown_meter"])
    (command,) = await commands(house)
    await house.settle(command, connected=False)
    (exchange,) = await due(house)
    assert result(desk.told(exchange))[0] == "PARTIAL"


@pytest.mark.parametrize(("shift", "words"), [(-timedelta(hours=4), b"too old"), (timedelta(minutes=6), b"future")])
async def test_an_old_or_future_message_cuts_nobody_and_restores_all_the_same(house, desk, shift, words):
    body = (await desk.handle(example("disconnect", at=house.now + shift), "gateway"))[1]
    assert words in body
    assert await commands(house) == []
    assert result((await desk.handle(example("connect", at=house.now + shift), "gateway"))[1])[0] == "OK"
    assert [each.target for each in await commands(house)] == [Target.CONNECTED]


async def test_a_disconnect_expires_counted_from_when_it_was_sent(house, desk):
    await desk.handle(example("disconnect", at=house.now - 3 * HOUR), "gateway")
    (command,) = await commands(house)
    assert abs(command.expires_at - (house.now + HOUR)) < timedelta(seconds=5)


async def test_a_connect_replaces_an_open_disconnect_whose_sender_is_told(house, desk):
    await desk.handle(example("disconnect"), "gateway")
    assert result((await desk.handle(example("connect"), "gateway"))[1])[0] == "OK"
    (exchange,) = await due(house)
    assert exchange.message_id == "disconnect-1"
    assert result(desk.told(exchange))[:2] == ("FAILED", ["command_cancelled"])


@pytest.mark.parametrize("body", [b"", b"<a/>", b"<!DOCTYPE x []><x/>"])
async def test_what_is_no_message_is_answered_in_the_form_of_one(house, desk, body):
    status, answered = await desk.handle(body, "gateway")
    assert status == 400
    assert result(answered)[0] == "FAILED"


async def test_a_store_that_fails_asks_to_try_again(house, desk, monkeypatch):
    async def broken(*_, **__):
        raise StorageError("the disk is full")

    monkeypatch.setattr(type(house.headend.store.exchanges), "take", broken)
    assert (await desk.handle(example("connect"), "gateway"))[0] == 503


async def test_a_message_that_never_came_is_named(house):
    with pytest.raises(UnknownExchange, match="cim list"):
        await house.headend.store.exchanges.of("nothing")


def types(body):
    found = valid(body).iterfind(".//e:EndDeviceEvent", NAMESPACES)
    return [
        (
            each.find("e:EndDeviceEventType", NAMESPACES).get("ref"),
            each.findtext("e:Assets/e:Names/e:name", None, NAMESPACES),
        )
        for each in found
    ]


def log(name, codes, at):
    rows = tuple(ProfileRow(at + timedelta(minutes=n), b"\x00" * 12, (code,)) for n, code in enumerate(codes))
    return ProfileRows(name, (Column("event", "0.0.96.11.2.255", 2, 0, ""),), rows)


async def test_events_are_told_from_relays_pushes_and_the_meters_own_logs(house):
    store, now = house.headend.store, house.now
    connected, off = RelayState(True, 1, 4, now), RelayState(False, 0, 4, now + timedelta(seconds=1))  # noqa: FBT003
    logs = (log("events_power", (101, 102), now), log("events_non_rollover", (251, 253), now))
    for relay, profiles in ((connected, logs), (off, ()), (RelayState(True, 1, 4, now + timedelta(seconds=2)), ())):  # noqa: FBT003
        record = VisitRecord("M1", now, now, Outcome.DONE, None, relay=relay, profiles=profiles)
        await store.fleet.record_visit(record, None)
    await store.events.tell(now, "push.alert", meter="M2", payload={"alerts": ["last gasp", "magnet"]})
    desk = ExportDesk(house.headend)
    body = await desk.events(now - HOUR, now + HOUR)
    assert sorted(types(body)) == sorted(
        [
            ("3.31.0.68", "M1"),
            ("3.31.0.42", "M1"),
            ("3.26.38.47", "M1"),
            ("3.26.38.49", "M1"),
            ("3.12.29.39", "M1"),
            ("3.26.38.47", "M2"),
        ]
    )
    assert types(await desk.events(now - HOUR, now + HOUR, "M2")) == [("3.26.38.47", "M2")]
    assert types(await desk.events(now + HOUR, now + 2 * HOUR)) == []
    again = await desk.events(now - HOUR, now + HOUR)
    mrids = [each.text for each in valid(body).iterfind(".//e:mRID", NAMESPACES)]
    assert mrids == [each.text for each in valid(again).iterfind(".//e:mRID", NAMESPACES)]
    assert len(set(mrids)) == 6


async def test_readings_are_told_with_their_types_and_times(house):
    from decimal import Decimal

    store, now = house.headend.store, house.now
    readings = (
        Reading("energy_import", "1.0.1.8.0.255", Decimal(123450), "Wh", now),
        Reading("voltage", "1.0.12.7.0.255", Decimal("230.55"), "V", now),
        Reading("firmware", "1.0.0.2.0.255", "1.0", "", now),
    )
    await store.fleet.record_visit(VisitRecord("M1", now, now, Outcome.DONE, None, readings=readings), None)
    desk = ExportDesk(house.headend)
    root = valid(await desk.readings())
    found = {
        each.find("r:ReadingType", NAMESPACES).get("ref"): each.findtext("r:value", None, NAMESPACES)
        for each in root.iterfind(".//r:Readings", NAMESPACES)
    }
    assert found == {
        "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0": "123450",
        "0.0.0.12.0.1.158.0.0.0.0.0.0.0.0.0.29.0": "230.55",
    }
    history = valid(await desk.history("M1", now - HOUR, now + HOUR))
    assert len(list(history.iterfind(".//r:Readings", NAMESPACES))) == 2
    assert list(valid(await desk.history("M1", now + HOUR, now + 2 * HOUR)).iterfind(".//r:Readings", NAMESPACES)) == []
    with pytest.raises(UnknownMeter):
        await desk.readings("M9")
