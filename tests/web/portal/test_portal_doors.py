import asyncio
import re

import pytest
from portal_house import OTHER, OWN, UNKNOWN, DoorRules, house_in, making, timedelta

import headend.storage.doors
import headend.web.passwords
import headend.web.portal.doors
from headend.app.opening import Clock
from headend.app.wiring import open_headend
from headend.web.portal.desk import Bounds


def without_word(text):
    """A page without what differs from one browser to the next, and without the number that was typed."""
    text = re.sub(r"[0-9a-f]{64}", "WORD", text)
    return re.sub(r"[0-9]{11}", "NUMBER", text)


async def ask(house, number, address="192.0.2.1"):
    browser = house.browser(address)
    await browser.get("/portal/")
    answer = await browser.post("/portal/code", consumer_no=number)
    await house.desk.settled()
    return browser, answer


async def forget_mobile(house, number):
    await house.store.portal.doors._writer.run(
        lambda connection: connection.execute("UPDATE accounts SET mobile = NULL WHERE consumer_no = ?", (number,))
    )


async def test_a_consumer_registers_with_number_and_code_and_logs_in_the_same_way_later(house):
    browser, answer = await ask(house, OWN)
    assert answer.status_code == 200
    code = house.sent[-1]
    assert (code.consumer_no, code.mobile, len(code.code)) == (OWN, "9000000001", 6)
    entered = await browser.post("/portal/enter", consumer_no=OWN, code=code.code)
    assert entered.headers["location"] == "/portal/password?first=1"
    assert "₹50.00" in (await browser.get("/portal/")).text
    again, _ = await ask(house, OWN)
    entered = await again.post("/portal/enter", consumer_no=OWN, code=house.sent[-1].code)
    assert entered.headers["location"] == "/portal/"


async def test_a_number_may_be_typed_with_blanks_and_dashes(house):
    _, answer = await ask(house, "100 0000-0001")
    assert answer.status_code == 200
    assert house.sent[-1].consumer_no == OWN


async def test_number_and_code_may_be_typed_in_the_digits_of_hindi(house):
    browser, _ = await ask(house, "१०००००००००१")
    code = house.sent[-1]
    assert code.consumer_no == OWN
    hindi = code.code.translate(str.maketrans("0123456789", "०१२३४५६७८९"))
    entered = await browser.post("/portal/enter", consumer_no=OWN, code=hindi)
    assert entered.status_code == 303


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "123",
        "1000000000a",
        "\u0661\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0661",
        "100000000011",
        "<b>",
    ],
)
async def test_what_is_no_consumer_number_is_told_and_nothing_is_sent(house, typed):
    _, answer = await ask(house, typed)
    assert answer.status_code == 422
    assert "11 अंक" in answer.text
    assert house.sent == []


async def test_known_unknown_and_unreachable_numbers_get_the_same_answer(house):
    await forget_mobile(house, OTHER)
    answers = [(await ask(house, number))[1] for number in (OWN, OTHER, UNKNOWN)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({without_word(answer.text) for answer in answers}) == 1
    assert [code.consumer_no for code in house.sent] == [OWN]


async def test_known_and_unknown_numbers_take_the_same_work(house, monkeypatch):
    digests, writes = [], []
    digest = headend.storage.doors._digest
    monkeypatch.setattr(headend.storage.doors, "_digest", lambda *a: digests.append(1) or digest(*a))
    run = type(house.store.portal.doors._writer).run

    async def counted(self, unit):
        writes.append(1)
        return await run(self, unit)

    monkeypatch.setattr(type(house.store.portal.doors._writer), "run", counted)
    done = []
    for number in (OWN, UNKNOWN):
        digests.clear()
        writes.clear()
        browser, _ = await ask(house, number)
        await browser.post("/portal/enter", consumer_no=number, code="000000")
        done.append((len(digests), len(writes)))
    assert done[0] == done[1] == (2, 6)


async def test_a_wrong_code_is_the_same_answer_for_known_and_unknown_numbers(house):
    answers = []
    for number in (OWN, UNKNOWN):
        browser, _ = await ask(house, number)
        answers.append(await browser.post("/portal/enter", consumer_no=number, code="12"))
    assert [answer.status_code for answer in answers] == [401, 401]
    assert without_word(answers[0].text) == without_word(answers[1].text)


async def test_the_answer_does_not_wait_for_the_message(house):
    release = asyncio.Event()
    sender = house._send

    async def slow(code):
        await release.wait()
        await sender(code)

    object.__setattr__(house.desk, "send_code", slow)
    browser = house.browser()
    await browser.get("/portal/")
    answer = await browser.post("/portal/code", consumer_no=OWN)
    assert answer.status_code == 200
    assert house.sent == []
    release.set()
    await house.desk.settled()
    assert len(house.sent) == 1


async def test_a_code_opens_once_and_only_for_its_number(house):
    browser, _ = await ask(house, OWN)
    code = house.sent[-1].code
    await ask(house, OTHER)
    assert (await browser.post("/portal/enter", consumer_no=OTHER, code=code)).status_code in (401, 303)
    assert (await browser.post("/portal/enter", consumer_no=OWN, code=code)).status_code == 303
    other = house.browser()
    await other.get("/portal/")
    assert (await other.post("/portal/enter", consumer_no=OWN, code=code)).status_code == 401


async def test_a_code_is_useless_after_its_time(house):
    browser, _ = await ask(house, OWN)
    house.clock.forward(minutes=11)
    assert (await browser.post("/portal/enter", consumer_no=OWN, code=house.sent[-1].code)).status_code == 401


async def test_a_code_bears_few_tries_even_with_the_right_one_at_the_end(house):
    browser, _ = await ask(house, OWN)
    right = house.sent[-1].code
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(3):
        assert (await browser.post("/portal/enter", consumer_no=OWN, code=wrong)).status_code == 401
    assert (await browser.post("/portal/enter", consumer_no=OWN, code=right)).status_code == 401


async def test_an_earlier_code_ends_with_a_newer_one(house):
    browser, _ = await ask(house, OWN)
    first = house.sent[-1].code
    await ask(house, OWN)
    second = house.sent[-1].code
    if first != second:
        assert (await browser.post("/portal/enter", consumer_no=OWN, code=first)).status_code == 401
    assert (await browser.post("/portal/enter", consumer_no=OWN, code=second)).status_code == 303


async def test_only_three_codes_an_hour_go_to_one_number_and_nobody_is_told(house):
    answers = [(await ask(house, OWN))[1] for _ in range(5)]
    assert {without_word(answer.text) for answer in answers} == {without_word(answers[0].text)}
    assert len(house.sent) == 3
    house.clock.forward(minutes=61)
    await ask(house, OWN)
    assert len(house.sent) == 4


async def test_no_more_than_ten_codes_a_day_go_to_one_number(house):
    for _ in range(8):
        for _ in range(2):
            await ask(house, OWN)
        house.clock.forward(minutes=61)
    assert len(house.sent) == 10


async def test_of_a_code_only_a_salted_digest_is_kept_and_it_is_in_no_repr(house):
    await ask(house, OWN)
    code = house.sent[-1]
    assert code.code not in repr(code)
    rows = await house.store.portal.doors._readers.run(
        lambda connection: connection.execute("SELECT * FROM portal_codes").fetchall()
    )
    assert all(code.code.encode() not in str(row).encode() for row in rows)


async def test_an_address_may_ask_for_so_many_codes_and_no_more(tmp_path):
    async with house_in(tmp_path, rules=DoorRules(codes_per_address=4)) as house:
        statuses = [(await ask(house, f"1000000{number:04}"))[1].status_code for number in range(1, 7)]
        assert statuses == [200] * 4 + [429] * 2
        assert (await ask(house, OWN, "192.0.2.99"))[1].status_code == 200


async def test_an_address_may_try_so_many_accounts_whether_they_exist_or_not(tmp_path):
    async with house_in(tmp_path, rules=DoorRules(accounts_per_address=2)) as house:
        browser = house.browser()
        await browser.get("/portal/")
        tried = (UNKNOWN, OTHER, OWN, UNKNOWN)
        statuses = [
            (await browser.post("/portal/login", consumer_no=number, password="x")).status_code for number in tried
        ]
        assert statuses == [401, 401, 429, 401]


async def test_neighbours_in_one_ipv6_network_are_one_address(tmp_path):
    async with house_in(tmp_path, rules=DoorRules(codes_per_address=1)) as house:
        assert (await ask(house, OWN, "2001:db8::1"))[1].status_code == 200
        assert (await ask(house, OTHER, "2001:db8::2"))[1].status_code == 429
        assert (await ask(house, OTHER, "2001:db8:1::2"))[1].status_code == 200


async def test_too_many_tries_for_one_number_stop_from_every_address_alike(tmp_path):
    async with house_in(tmp_path, rules=DoorRules(tries_per_consumer=3)) as house:
        pages = []
        for number in (OWN, UNKNOWN):
            statuses = []
            for tried in range(5):
                browser = house.browser(f"192.0.2.{tried}")
                await browser.get("/portal/")
                answer = await browser.post("/portal/login", consumer_no=number, password="wrong")
                statuses.append(answer.status_code)
            assert statuses == [401, 401, 401, 429, 429]
            pages.append(without_word(answer.text))
        assert pages[0] == pages[1]


async def test_a_password_opens_too_and_its_absence_is_not_told(house):
    browser = await house.inside()
    await browser.get("/portal/password")
    password = "एक लंबा पासवर्ड 12"
    saved = await browser.post("/portal/password", new=password, again=password)
    assert saved.status_code == 303
    fresh = house.browser()
    await fresh.get("/portal/")
    answers = [
        await fresh.post("/portal/login", consumer_no=number, password="not this one")
        for number in (OWN, OTHER, UNKNOWN)
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({without_word(answer.text) for answer in answers}) == 1
    assert (await fresh.post("/portal/login", consumer_no=OWN, password=password)).status_code == 303
    assert "₹50.00" in (await fresh.get("/portal/")).text


async def test_a_password_is_compared_for_unknown_numbers_too(house, monkeypatch):
    compared = []
    right = headend.web.portal.doors.is_right

    async def counted(password, stored):
        compared.append(stored)
        return await right(password, stored)

    monkeypatch.setattr(headend.web.portal.doors, "is_right", counted)
    browser = house.browser()
    await browser.get("/portal/")
    await browser.post("/portal/login", consumer_no=UNKNOWN, password="x")
    assert compared == [None]


async def test_who_has_no_working_number_is_told_the_office_when_the_meter_is_known(house):
    await forget_mobile(house, OWN)
    browser = house.browser()
    await browser.get("/portal/office")
    answer = await browser.post("/portal/office", consumer_no=OWN, serial=making.SERIAL.lower())
    assert "Kokar" in answer.text
    assert "Kokar Chowk, 10:00-16:00" in answer.text
    assert "चालू मोबाइल नंबर नहीं" in answer.text
    wrong = await browser.post("/portal/office", consumer_no=OWN, serial="HED0000002")
    nobody = await browser.post("/portal/office", consumer_no=UNKNOWN, serial="HED0000002")
    assert "Kokar" not in wrong.text
    assert without_word(wrong.text) == without_word(nobody.text)


async def test_a_session_starts_under_a_new_token_and_ends_with_log_out(house):
    browser, _ = await ask(house, OWN)
    before = browser.client.cookies["headend-portal"]
    await browser.post("/portal/enter", consumer_no=OWN, code=house.sent[-1].code)
    after = browser.client.cookies["headend-portal"]
    assert before != after
    await browser.get("/portal/")
    await browser.post("/portal/logout")
    stolen = house.browser()
    stolen.client.cookies.set("headend-portal", after)
    assert (await stolen.get("/portal/use")).status_code == 303


async def test_a_session_ends_by_itself(house):
    browser = await house.inside()
    house.clock.forward(minutes=31)
    assert (await browser.get("/portal/use")).headers["location"] == "/portal/"


async def test_a_login_leaves_an_audit_row(house):
    await house.inside()
    rows = [row for row in await house.store.audit.rows() if row.via == "portal"]
    assert [(row.by, row.action) for row in rows] == [(OWN, "log in")]
    assert (await house.store.audit.verify()).ok


@pytest.mark.parametrize("path", ["/portal/code", "/portal/enter", "/portal/login", "/portal/office"])
async def test_a_form_without_the_word_of_our_page_does_nothing(house, path):
    browser = house.browser()
    await browser.get("/portal/")
    answer = await browser.post(path, consumer_no=OWN, _csrf="0" * 64)
    assert answer.status_code == 403
    await house.desk.settled()
    assert house.sent == []


async def test_the_span_of_a_wait_is_told_in_minutes(tmp_path):
    async with house_in(tmp_path, rules=DoorRules(codes_per_address=1, code_span=timedelta(hours=1))) as house:
        await ask(house, OWN)
        _, answer = await ask(house, OWN)
        assert "मिनट बाद" in answer.text


async def test_a_language_is_one_tap_away_and_leads_nowhere_else(house):
    browser = house.browser()
    assert 'lang="hi"' in (await browser.get("/portal/")).text
    answer = await browser.get("/portal/language/en?back=/portal/office")
    assert answer.headers["location"] == "/portal/office"
    assert "Which office to visit?" in (await browser.get("/portal/office")).text
    for evil in ("https://evil.example", "//evil.example", "/portal//evil.example", "/console/", "/portal/\\evil"):
        answer = await browser.get(f"/portal/language/hi?back={evil}")
        assert answer.headers["location"] == "/portal/"


@pytest.mark.parametrize("number", [OWN, UNKNOWN])
async def test_tries_are_counted_on_after_a_restart_and_by_every_process(house, number):
    rules = DoorRules(tries_per_consumer=2, accounts_per_address=1)
    here = Bounds(house.store.portal.tries, rules)
    assert [await here.entry("192.0.2.1", number) for _ in range(2)] == [0, 0]
    async with open_headend(house.headend.setup.settings, clock=Clock(now=house.clock)) as other:
        there = Bounds(other.store.portal.tries, rules)
        assert await there.entry("192.0.2.2", number) > 0
        assert await there.code("192.0.2.1", "18888888888") == timedelta(days=1).total_seconds()
        house.clock.now += timedelta(minutes=16)
        assert await there.entry("192.0.2.1", number) == 0
        house.clock.now += timedelta(days=2)
        assert await there.code("192.0.2.3", number) == 0
    kept = await house.store._readers.run(
        lambda found: found.execute(
            "SELECT what, key FROM portal_tries UNION ALL SELECT 'asked', address FROM portal_callers ORDER BY 1, 2"
        ).fetchall()
    )
    assert kept == [("asked", "192.0.2.3"), ("code by address", "192.0.2.3")]
