import json
import re
from datetime import timedelta

import pytest
from office_house import CONSUMERS, EAST

from headend.commands.model import NewCommand, Origin, State, Target
from headend.commands.officers import Role


async def waiting_cuts(headend, serials):
    """Cuts of the policy that wait for an officer, as `propose` leaves them."""
    at = headend.clock.now()
    await headend.store.switches.set_armed(on=True, by="test")
    for serial in serials:
        command = NewCommand(
            meter=serial,
            target=Target.DISCONNECTED,
            cause=f"policy:{serial}",
            origin=Origin.POLICY,
            reason="balance_negative",
            requested_by="policy",
            requested_at=at,
            expires_at=at + timedelta(hours=4),
            balance=-5000,
            balance_at=at,
        )
        await headend.store.journal.request(command)


def digest(text):
    return re.search(r'name="digest" value="(\w+)"', text)[1]


async def states(headend):
    return {each.meter: each.state for each in await headend.store.journal.commands()}


async def test_an_officer_approves_what_was_shown_and_strikes_what_is_not_to_be_cut(web):
    await waiting_cuts(web.headend, ["E1", "E2"])
    officer_1 = await web.officer("officer_1", Role.APPROVER)
    page = (await officer_1.get("/console/cuts")).text
    assert "-₹50.00" in page
    answer = await officer_1.post(
        "/console/cuts", {"digest": digest(page), "strike:E2": "yes"}, word=await officer_1.word("/console/cuts")
    )
    assert answer.status_code == 303
    assert await states(web.headend) == {"E1": State.REQUESTED, "E2": State.CANCELLED}
    row = (await web.headend.store.audit.rows())[-1]
    assert (row.by, row.action, json.loads(row.detail)) == ("officer_1", "approve cuts", {"struck": ["E2"]})


async def test_a_list_longer_than_one_may_approve_needs_a_second_person(web):
    await waiting_cuts(web.headend, ["E1", "E2"])
    officer_1, officer_2 = await web.officer("officer_1", Role.APPROVER), await web.officer("officer_2", Role.APPROVER)
    list_of = digest((await officer_1.get("/console/cuts")).text)
    word = await officer_1.word("/console/cuts")
    assert (await officer_1.post("/console/cuts", {"digest": list_of}, word=word)).status_code == 303
    assert set((await states(web.headend)).values()) == {State.QUARANTINED}
    assert (await officer_1.post("/console/cuts", {"digest": list_of}, word=word)).status_code == 409
    page = (await officer_2.get("/console/cuts")).text
    assert "officer_1 approved this list" in page
    await officer_2.post("/console/cuts", {"digest": list_of}, word=await officer_2.word("/console/cuts"))
    assert set((await states(web.headend)).values()) == {State.REQUESTED}


async def test_a_list_of_another_office_is_not_approved(web):
    await waiting_cuts(web.headend, ["W1"])
    chief, officer_1 = await web.officer("chief", Role.APPROVER), await web.officer("officer_1", Role.APPROVER, EAST)
    list_of = digest((await chief.get("/console/cuts")).text)
    assert "No cut waits" in (await officer_1.get("/console/cuts")).text
    answer = await officer_1.post(
        "/console/cuts", {"digest": list_of}, word=await officer_1.word("/console/cuts/switches")
    )
    assert answer.status_code == 409
    assert await states(web.headend) == {"W1": State.QUARANTINED}


async def test_a_cut_by_hand_names_consumer_and_consequence_and_needs_the_serial(web):
    officer_1 = await web.officer("officer_1", Role.OPERATOR)
    page = (await officer_1.get("/console/meters/E1/disconnect")).text
    assert "Consumer E1" in page
    assert "will stop" in page
    word = await officer_1.word("/console/meters/E1/disconnect")
    wrong = await officer_1.post("/console/meters/E1/disconnect", {"reason": "x", "confirm": "E2"}, word=word)
    assert wrong.status_code == 400
    assert await states(web.headend) == {}
    missing = await officer_1.post("/console/meters/E1/disconnect", {"confirm": "E1"}, word=word)
    assert missing.status_code == 400
    answer = await officer_1.post(
        "/console/meters/E1/disconnect", {"reason": "fire", "confirm": "E1", "emergency": "yes"}, word=word
    )
    assert (await officer_1.get(answer.headers["location"])).status_code == 200
    assert await states(web.headend) == {"E1": State.REQUESTED}


async def test_a_receipt_of_the_cash_desk_is_booked_once(web):
    officer_1, number = await web.officer("officer_1", Role.OPERATOR), CONSUMERS["E1"]
    word = await officer_1.word(f"/console/accounts/{number}")
    for _ in range(2):
        answer = await officer_1.post(
            f"/console/accounts/{number}/recharge", {"amount": "1,250.50", "receipt": "R7"}, word=word
        )
        assert answer.status_code == 303
    assert "was booked before" in (await officer_1.get(answer.headers["location"])).text
    assert await web.headend.store.accounts.balance(number) == 135050
    for amount in ("", "-5", "12.345", "many", "99999999999"):
        refused = await officer_1.post(
            f"/console/accounts/{number}/recharge", {"amount": amount, "receipt": f"X{amount}"}, word=word
        )
        assert refused.status_code in (400, 422), amount


async def test_a_correction_is_approved_by_another_person(web):
    officer_1, officer_2 = await web.officer("officer_1", Role.APPROVER), await web.officer("officer_2", Role.APPROVER)
    number, word = CONSUMERS["E1"], await officer_1.word("/console/cuts/switches")
    await officer_1.post(
        f"/console/accounts/{number}/correction", {"amount": "-12.50", "reason": "booked twice"}, word=word
    )
    assert (await officer_1.post("/console/corrections/1", {"decision": "approve"}, word=word)).status_code == 409
    word = await officer_2.word("/console/cuts/switches")
    assert (await officer_2.post("/console/corrections/1", {"decision": "approve"}, word=word)).status_code == 303
    assert await web.headend.store.accounts.balance(number) == 8750


async def test_every_change_leaves_a_row_and_a_changed_row_is_found(web):
    officer_1 = await web.officer("officer_1", Role.OPERATOR)
    await officer_1.post(
        "/console/meters/E1/reconnect", {"reason": "x"}, word=await officer_1.word("/console/meters/E1/reconnect")
    )
    store = web.headend.store
    assert [each.action for each in await store.audit.rows()] == ["set password", "reconnect"]
    assert (await store.audit.verify()).ok
    connection = store._writer.database.conn
    for statement, finding in (
        ("UPDATE audit SET by = 'nobody' WHERE number = 2", "row 2 is not as it was written"),
        ("DELETE FROM audit WHERE number = 2", "the newest rows, 2 to 2, are gone"),
    ):
        with pytest.raises(Exception, match="append-only"):
            connection.execute(statement)
        connection.execute("DROP TRIGGER audit_is_immutable") if "UPDATE" in statement else None
        connection.execute("DROP TRIGGER audit_is_kept") if "DELETE" in statement else None
        connection.execute(statement)
        assert any(finding in each for each in (await store.audit.verify()).findings)
        assert not (await store.check()).ok


async def test_a_change_that_fails_leaves_no_row(web):
    officer_1 = await web.officer("officer_1", Role.OPERATOR)
    rows = len(await web.headend.store.audit.rows())
    word = await officer_1.word("/console/meters/E1/reconnect")
    assert (await officer_1.post("/console/commands/99/cancel", {"reason": "x"}, word=word)).status_code == 404
    assert len(await web.headend.store.audit.rows()) == rows


async def test_the_page_of_the_day_leads_from_each_number_to_a_list(web):
    officer_1 = await web.officer("officer_1", Role.ADMINISTRATOR)
    page = (await officer_1.get("/console/")).text
    links = re.findall(r'<a href="([^"]+)" class="figure', page)
    assert len(links) == 12
    for link in links:
        assert (await officer_1.get(link.replace("&amp;", "&"))).status_code == 200, link


async def test_the_page_of_the_audit_goes_on_where_its_last_look_ended_and_finds_what_was_changed(web):
    officer_1 = await web.officer("officer_1", Role.APPROVER)
    audit = web.headend.store.audit
    first = await audit.verify()
    assert (first.ok, first.rows, first.mark.number) == (True, 1, 1)
    await web.officer("officer_2", Role.VIEWER)
    further = await audit.verify_from(first.mark, 10)
    assert (further.ok, further.mark.number) == (True, 2)
    assert "The chain of 2 rows is whole" in (await officer_1.get("/console/audit")).text
    answer = await officer_1.post("/console/audit/verify", word=await officer_1.word("/console/audit"))
    assert "All 2 rows are whole" in (await officer_1.get(answer.headers["location"])).text
    connection = web.headend.store._writer.database.conn
    connection.execute("DROP TRIGGER audit_is_immutable")
    connection.execute("UPDATE audit SET digest = previous WHERE number = 2")
    assert any("row 2 is not as it was" in each for each in (await audit.verify_from(further.mark, 10)).findings)
    assert "The audit was changed" in (await officer_1.get("/console/audit")).text
