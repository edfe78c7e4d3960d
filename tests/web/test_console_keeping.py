import html
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from office_house import CONSUMERS, EAST

from headend.commands.officers import Role
from headend.prepaid.rules import parse_policy
from headend.scheduler.ports import Outcome
from headend.scheduler.steering import GivenUp
from headend.storage.events import emit
from headend.transport.recording import Recording
from headend.web.console.today import _changes

SOME_DAY = (datetime.now(UTC) + timedelta(days=40)).date()


async def actions(web):
    return [each.action for each in await web.headend.store.audit.rows() if each.action != "set password"]


async def given_up(web, *serials):
    now = datetime.now(UTC)
    entries = [GivenUp(each, ("registers",), Outcome.UNREACHABLE, "no route", 6, now, now) for each in serials]
    await web.headend.store.steering.give_up(entries)


async def test_one_person_closes_a_day_and_two_open_it_again(web):
    officer_1, officer_2 = await web.officer("officer_1", Role.APPROVER), await web.officer("officer_2", Role.APPROVER)
    here, word = "/console/cuts/calendar", await officer_1.word("/console/cuts/calendar")
    day = {"kind": "day", "day": SOME_DAY.isoformat(), "reason": "Sarhul of the village", "office": EAST}
    assert (await officer_1.post(here, day, word=word)).status_code == 303
    assert "Sarhul of the village" in (await officer_2.get(here)).text
    view = await web.headend.store.accounts.view(CONSUMERS["E1"], datetime.now(UTC))
    policy = web.headend.setup.policy_for(view)
    assert SOME_DAY in policy.calendar.holidays
    assert policy.calendar.hours == web.headend.setup.policy.calendar.hours
    elsewhere = await web.headend.store.accounts.view(CONSUMERS["W1"], datetime.now(UTC))
    assert SOME_DAY not in web.headend.setup.policy_for(elsewhere).calendar.holidays

    assert (await officer_1.post(f"{here}/1", {"do": "lift"}, word=word)).status_code == 303
    assert (await officer_1.post(f"{here}/1", {"do": "lift"}, word=word)).status_code == 409
    assert "officer_1" in (await officer_2.get(here)).text
    assert (await officer_2.post(f"{here}/1", {"do": "lift"}, word=await officer_2.word(here))).status_code == 303
    assert "Sarhul of the village" not in (await officer_1.get(here)).text
    assert await actions(web) == ["close calendar", "ask to open calendar", "open calendar"]


async def test_hours_that_can_not_be_meant_are_refused_whole(web):
    officer_1 = await web.officer("officer_1", Role.APPROVER)
    here, word = "/console/cuts/calendar", await officer_1.word("/console/cuts/calendar")
    for fields in (
        {"kind": "hours", "start": "9", "end": "10:00", "reason": "x", "weekday:0": "yes"},
        {"kind": "hours", "start": "09:00", "end": "10:00", "reason": "x"},
        {"kind": "hours", "start": "09:00", "end": "10:00", "weekday:0": "yes"},
        {"kind": "day", "day": "24.11.2026", "reason": "x"},
        {"kind": "day", "day": "2020-01-01", "reason": "x"},
    ):
        assert (await officer_1.post(here, fields, word=word)).status_code in (400, 409), fields
    good = {"kind": "hours", "start": "09:00", "end": "10:00", "reason": "school", "weekday:0": "yes"}
    assert (await officer_1.post(here, good, word=word)).status_code == 303
    page = (await officer_1.get(here)).text
    assert page.count('<rect class="added"') == 1
    assert await actions(web) == ["close calendar"]


async def test_an_office_closes_nothing_of_another_office(web):
    officer_1 = await web.officer("officer_1", Role.APPROVER, EAST)
    here, word = "/console/cuts/calendar", await officer_1.word("/console/cuts/calendar")
    for office in ("Ranchi", "Ranchi/Ranchi West"):
        fields = {"kind": "day", "day": SOME_DAY.isoformat(), "reason": "x", "office": office}
        assert (await officer_1.post(here, fields, word=word)).status_code == 409
    chief = await web.officer("chief", Role.APPROVER)
    fields = {"kind": "day", "day": SOME_DAY.isoformat(), "reason": "for all", "office": ""}
    await chief.post(here, fields, word=await chief.word(here))
    assert "for all" in (await officer_1.get(here)).text
    assert (await officer_1.post(f"{here}/1", {"do": "lift"}, word=word)).status_code == 409


async def test_a_consumer_is_protected_by_one_person_and_no_more_by_two(web):
    officer_1, officer_2 = await web.officer("officer_1", Role.OPERATOR), await web.officer("officer_2", Role.APPROVER)
    officer_3, number = await web.officer("officer_3", Role.APPROVER), CONSUMERS["E1"]
    fields = {"consumer_no": number, "reason": "dialysis <b>at home</b>"}
    word = await officer_1.word("/console/cuts/protected")
    assert (await officer_1.post("/console/cuts/protected", fields, word=word)).status_code == 303
    assert (await web.headend.store.accounts.account(number)).protected == "dialysis <b>at home</b>"
    page = (await officer_1.get("/console/cuts/protected")).text
    assert "dialysis &lt;b&gt;at home" in page
    assert "dialysis" in (await officer_1.get("/console/cuts/protected.csv")).text
    assert (await officer_1.post("/console/cuts/protected/1", {"do": "lift"}, word=word)).status_code == 403
    for officer in (officer_2, officer_3):
        word = await officer.word("/console/cuts/protected")
        assert (await officer.post("/console/cuts/protected/1", {"do": "lift"}, word=word)).status_code == 303
    assert (await web.headend.store.accounts.account(number)).protected is None
    assert await actions(web) == ["protect consumer", "ask to lift protection", "lift protection"]


async def test_given_up_visits_are_asked_for_again_within_the_office_and_become_work(web):
    await given_up(web, "E1", "W1")
    officer_1 = await web.officer("officer_1", Role.OPERATOR, EAST)
    page = (await officer_1.get("/console/given-up?sort=-failures")).text
    assert "no route" in page
    assert "W1" not in page
    word = await officer_1.word("/console/given-up")
    assert (await officer_1.post("/console/given-up/again", {"meter": "W1"}, word=word)).status_code == 404
    fields = {"meter": "E1", "kind": "given_up", "note": "gate is locked"}
    answer = await officer_1.post("/console/work/open", fields, word=word)
    assert "gate is locked" in (await officer_1.get(answer.headers["location"])).text
    assert (await officer_1.post("/console/work/open", {**fields, "kind": "tea"}, word=word)).status_code == 409
    assert (await officer_1.post("/console/given-up/again", word=word)).status_code == 303
    waiting = await web.headend.store.listings.page("given_up", filters={"waiting": "1"})
    assert [row["meter"] for row in waiting[0]] == ["W1"]
    row = (await web.headend.store.audit.rows())[-1]
    assert (row.action, json.loads(row.detail)) == ("try again", {"meters": ["E1"]})


async def test_work_goes_from_hand_to_hand_and_keeps_its_history(web):
    await given_up(web, "E1")
    officer_1, officer_2 = await web.officer("officer_1", Role.OPERATOR), await web.officer("officer_2", Role.OPERATOR)
    await web.officer("viewer_1", Role.VIEWER)
    word = await officer_1.word("/console/given-up")
    await officer_1.post("/console/work/open", {"meter": "E1", "kind": "given_up", "note": "look"}, word=word)
    to = {"do": "hand_over", "owner": "viewer_1", "note": ""}
    assert (await officer_1.post("/console/work/1/do", to, word=word)).status_code == 409
    to = {"do": "hand_over", "owner": "officer_2", "note": "nearer"}
    assert (await officer_1.post("/console/work/1/do", to, word=word)).status_code == 303
    assert "officer_2" in (await officer_2.get("/console/work?owner=officer_2")).text
    word = await officer_2.word("/console/work/1")
    await officer_2.post("/console/work/1/do", {"do": "note", "note": "key is with the guard"}, word=word)
    await officer_2.post("/console/work/1", {"note": "read by hand"}, word=word)
    page = (await officer_1.get("/console/work/1")).text
    for line in ("opened and took it", "handed it over to", "key is with the guard", "closed it: "):
        assert line in page
    assert (await officer_1.post("/console/work/1/do", {"do": "take"}, word=word)).status_code in (403, 409)
    assert await actions(web) == ["open work", "hand over work", "note on work", "close work"]


async def test_a_schedule_is_suspended_and_resumed_by_the_whole_house_alone(web):
    chief, officer_1 = await web.officer("chief"), await web.officer("officer_1", Role.ADMINISTRATOR, EAST)
    name = web.headend.setup.schedules[0].name
    here = "/console/administration"
    word = await officer_1.word(here)
    fields = {"schedule": name, "do": "suspend"}
    assert (await officer_1.post(f"{here}/schedules", fields, word=word)).status_code == 409
    word = await chief.word(here)
    assert (await chief.post(f"{here}/schedules", fields, word=word)).status_code == 303
    assert set(await web.headend.store.steering.suspensions()) == {name}
    assert "suspended" in (await chief.get(here)).text
    assert (await chief.post(f"{here}/schedules", {**fields, "schedule": "tea"}, word=word)).status_code == 409
    assert (await chief.post(f"{here}/schedules", {**fields, "do": "resume"}, word=word)).status_code == 303
    assert await web.headend.store.steering.suspensions() == {}
    assert await actions(web) == ["suspend schedule", "resume schedule"]


async def test_a_curve_ends_on_the_day_that_the_address_names(web):
    officer_1 = await web.officer("officer_1", Role.VIEWER)
    assert (await officer_1.get("/console/meters/E1/curve.json?span=day&until=2026-11-20")).json() == {
        "x": [],
        "series": [],
    }
    page = (await officer_1.get("/console/meters/E1?span=week&until=2026-11-20")).text
    assert "until=2026-11-13" in page
    for wrong in ("20-11-2026", "0001-01-01", "9999-12-31"):
        assert (await officer_1.get(f"/console/meters/E1?until={wrong}")).status_code == 400


async def test_whoever_loses_the_right_to_look_is_told_nothing_more(web, monkeypatch):
    monkeypatch.setattr("headend.web.console.today._EVERY_S", 0)
    await web.officer("chief")
    await web.officer("officer_1", Role.VIEWER)
    officers = web.headend.store.officers
    told = _changes(web.app.state.faces, await officers.officer("officer_1"))
    assert "Coverage by office" in (await anext(told)).data
    await officers.change("officer_1", Role.VIEWER, EAST)
    with pytest.raises(StopAsyncIteration):
        await anext(told)


async def test_logging_out_is_in_the_audit(web):
    officer_1 = await web.officer("officer_1", Role.VIEWER)
    assert (await officer_1.post("/console/logout", word=await officer_1.word("/console/"))).status_code == 303
    assert await actions(web) == ["log out"]
    assert (await officer_1.get("/console/")).status_code == 303


async def test_nothing_of_another_office_is_kept_or_seen(web):
    await given_up(web, "W1")
    chief, officer_1 = await web.officer("chief"), await web.officer("officer_1", Role.ADMINISTRATOR, EAST)
    word = await chief.word("/console/given-up")
    await chief.post("/console/work/open", {"meter": "W1", "kind": "given_up", "note": "x"}, word=word)
    await chief.post("/console/cuts/protected", {"consumer_no": CONSUMERS["W1"], "reason": "x"}, word=word)
    await chief.post("/console/meters/W1/read", {"frames": "yes"}, word=word)
    kept = Recording()
    kept.add(1, bytes.fromhex("000100100001000204010203"), sent=True)
    await web.headend.store.console.traces.keep("W1", 1, "chief", kept, datetime.now(UTC))
    assert "Frames of a visit" in (await chief.get("/console/meters/W1/frames/1")).text
    before, word = await actions(web), await officer_1.word("/console/given-up")
    for path in ("/console/work/1", "/console/meters/W1/frames/1", "/console/meters/W1/read/1"):
        assert (await officer_1.get(path)).status_code == 404, path
    for path, fields in (
        ("/console/work/1", {"note": "x"}),
        ("/console/work/1/do", {"do": "take"}),
        ("/console/work/open", {"meter": "W1", "kind": "conflict", "note": "x"}),
        ("/console/given-up/again", {"meter": "W1"}),
        ("/console/cuts/protected", {"consumer_no": CONSUMERS["W1"], "reason": "x"}),
        ("/console/cuts/protected/1", {"do": "lift"}),
        ("/console/cuts/protected/1", {"do": "keep"}),
        ("/console/meters/W1/read", {"frames": "yes"}),
        ("/console/meters/W1/frames/1", {}),
    ):
        assert (await officer_1.post(path, fields, word=word)).status_code == 404, path
    assert await actions(web) == before


async def test_the_rules_in_force_are_where_trying_others_begins(web):
    officer_1 = await web.officer("officer_1", Role.APPROVER)
    page = (await officer_1.get("/console/cuts/replay")).text
    rules = html.unescape(re.search(r'<textarea id="rules"[^>]*>(.*?)</textarea>', page, re.DOTALL)[1])
    assert parse_policy(rules, "the page") == web.headend.setup.policy
    tried = {"rules": rules, "days": "7"}
    answer = await officer_1.post("/console/cuts/replay", tried, word=await officer_1.word("/console/cuts/replay"))
    assert answer.status_code == 200
    assert "before and after" in answer.text


async def test_what_an_event_holds_is_shown_in_its_own_letters_and_harmlessly(web):
    payload = {"texts": {"hi": "बिजली", "en": "<b>light</b>"}, "by": "officer_1", "none": None}
    await web.headend.store._writer.run(lambda found: emit(found, datetime.now(UTC), "test.kind", payload=payload))
    officer_1 = await web.officer("officer_1", Role.VIEWER)
    page = (await officer_1.get("/console/events")).text
    assert "बिजली" in page
    assert "&lt;b&gt;light" in page
    assert "<b>light" not in page
