import csv
import io
import json
import re
import zipfile
from datetime import date
from string import Formatter

import pytest
from portal_house import OTHER, OWN, making

from headend.prepaid.model import EntryKind, NewEntry
from headend.prepaid.portal import Subject, Usage
from headend.storage.judgements import write_notice
from headend.storage.views import stored_account
from headend.web.look import TEMPLATES
from headend.web.portal.pictures import bars
from headend.web.portal.words import LANGUAGES, words

INSIDE = ("use", "account", "messages", "recharge", "more", "complaints", "password", "data", "data/download", "supply")
EVIL = "<script>alert(1)</script>"


async def energy(house, paise, wh, reference, at=None):
    entry = NewEntry(OWN, EntryKind.ENERGY, -paise, reference, at or house.clock.now, f"{wh} Wh")
    await house.store.accounts.book(entry)


async def charge(house, kind, paise, reference):
    await house.store.accounts.book(NewEntry(OWN, kind, -paise, f"{kind}:{reference}", house.clock.now, ""))


@pytest.mark.parametrize("path", INSIDE)
async def test_nobody_sees_an_account_without_logging_in(house, path):
    answer = await house.browser().get(f"/portal/{path}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/portal/"


@pytest.mark.parametrize("path", ["recharge", "complaints", "password", "sandbox/W1", "logout"])
async def test_nobody_changes_anything_without_logging_in(house, path):
    browser = house.browser()
    await browser.get("/portal/")
    assert (await browser.post(f"/portal/{path}", amount="200")).headers["location"] == "/portal/"


async def test_a_consumer_sees_their_own_account_only(house):
    own, other = await house.inside(OWN), await house.inside(OTHER, "192.0.2.2")
    for path in ("", *INSIDE):
        assert OTHER not in (await own.get(f"/portal/{path}")).text
        assert OWN not in (await other.get(f"/portal/{path}?consumer_no={OWN}")).text


async def test_an_officers_pages_are_not_a_consumers(house):
    browser = await house.inside()
    token = browser.client.cookies["headend-portal"]
    browser.client.cookies.set("headend-console", token)
    answer = await browser.get("/console/")
    assert answer.status_code == 303
    assert "/console/login" in answer.headers["location"]


async def test_no_answer_of_the_portal_is_kept_by_anybody_on_the_way(house):
    browser = await house.inside()
    for path in ("", *INSIDE):
        answer = await browser.get(f"/portal/{path}")
        assert "no-store" in answer.headers["cache-control"]
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"


async def test_the_statement_runs_from_opening_to_closing_line_by_line(house):
    await energy(house, 12_00, 2000, "a")
    await energy(house, 8_00, 1000, "b")
    house.clock.forward(days=1)
    await energy(house, 5_00, 700, "c")
    await house.store.accounts.recharge(OWN, 500_00, "P-1", house.clock.now, "counter", None)
    statement = await house.desk.statements.statement(OWN, date(2026, 3, 1))
    assert [line.kind for line in statement.lines] == ["recharge", "energy", "energy", "opening"]
    assert statement.opening + sum(line.amount for line in statement.lines) == statement.closing == 425_00
    page = (await (await house.inside()).get("/portal/account")).text
    assert "3 kWh" in page
    assert "₹425.00" in page


async def test_who_adds_up_the_statement_finds_no_gap(house):
    await energy(house, 12_00, 2000, "a")
    await charge(house, EntryKind.DUTY, 1_00, "a")
    await house.store.accounts.recharge(OWN, 500_00, "P-1", house.clock.now, "counter", None)
    for reference in ("b", "c"):
        await energy(house, 8_00, 1000, reference)
        await charge(house, EntryKind.DUTY, 2_00, reference)
    statement = await house.desk.statements.statement(OWN, date(2026, 3, 1))
    lines = [(line.kind, line.amount, line.balance) for line in reversed(statement.lines)]
    assert lines == [
        ("opening", -50_00, -50_00),
        ("energy", -12_00, -62_00),
        ("duty", -1_00, -63_00),
        ("recharge", 500_00, 437_00),
        ("energy", -16_00, 421_00),
        ("duty", -4_00, 417_00),
    ]


async def test_a_month_begins_where_the_one_before_ended(house):
    house.clock.forward(days=31)
    await energy(house, 10_00, 1000, "a")
    march = await house.desk.statements.statement(OWN, date(2026, 3, 1))
    april = await house.desk.statements.statement(OWN, date(2026, 4, 1))
    assert (march.opening, march.closing, march.earlier) == (0, -50_00, False)
    assert (april.opening, april.closing, april.earlier) == (-50_00, -60_00, True)


async def test_use_is_counted_in_the_days_of_the_meters_zone(house):
    late = making.START.replace(hour=20)  # half past one in the morning in India
    await energy(house, 10_00, 1500, "a", late)
    days = await house.desk.statements.by_day(OWN, date(2026, 3, 1))
    assert days == [Usage(date(2026, 3, 3), 1500, 10_00)]
    months = await house.desk.statements.by_month(OWN, date(2026, 3, 1))
    assert months == [Usage(date(2026, 3, 1), 1500, 10_00)]
    house.clock.forward(days=2)
    page = (await (await house.inside()).get("/portal/use")).text
    assert "<svg" in page
    assert "1.5" in page


async def test_a_month_that_makes_no_sense_or_has_not_begun_is_this_one(house):
    browser = await house.inside()
    for month in ("2099-01", "abc", "2026-13", "0000-00", "'", "2026-3"):
        assert "मार्च 2026" in (await browser.get(f"/portal/use?month={month}")).text


def test_bars_reach_from_the_floor_to_their_value_and_never_beyond():
    day = date(2026, 3, 1)
    used = [Usage(day, 0, 0), Usage(day.replace(day=2), 4000, 1), Usage(day.replace(day=31), 10_000, 1)]
    picture = bars(used, "day")
    assert picture.most == used[2]
    for bar in picture.bars:
        assert 0 <= bar.y <= picture.floor
        assert abs(bar.y + bar.height - picture.floor) < 0.2
        assert picture.left <= bar.x <= picture.width - bar.width
    assert bars([Usage(day, 0, 0)], "day") is None
    assert bars([], "month") is None


async def test_text_of_strangers_is_harmless_on_page_and_in_the_download(house):
    browser = await house.inside()
    await browser.get("/portal/complaints")
    text = f"=HYPERLINK(1) {EVIL} \u202egnp"
    await browser.post("/portal/complaints", subject="meter", text=text)
    page = (await browser.get("/portal/complaints")).text
    assert EVIL not in page
    assert "\u202e" not in page
    archive = zipfile.ZipFile(io.BytesIO((await browser.get("/portal/data/download")).content))
    rows = list(csv.DictReader(io.StringIO(archive.read("complaints.csv").decode("utf-8-sig"))))
    assert rows[0]["text"].startswith("'=HYPERLINK")


async def test_a_complaint_reaches_the_office_and_its_answer_the_consumer(house):
    browser = await house.inside()
    await browser.get("/portal/complaints")
    sent = await browser.post("/portal/complaints", subject="supply", text="बिजली नहीं है")
    assert sent.status_code == 303
    (item,) = await house.store.portal.complaints.items("Ranchi/Ranchi East")
    assert (item.consumer_no, item.subject, item.text) == (OWN, Subject.SUPPLY, "बिजली नहीं है")
    assert await house.store.portal.complaints.items("Ranchi/Ranchi West") == []
    await house.store.portal.complaints.close(item.id, "officer-1", "तार जोड़ दिया गया")
    assert "तार जोड़ दिया गया" in (await browser.get("/portal/complaints")).text
    assert await house.store.portal.complaints.items() == []
    kinds = [event.kind for event in await house.store.events.events(0, 1000)]
    assert kinds.count("complaint.opened") == kinds.count("complaint.closed") == 1


@pytest.mark.parametrize(("subject", "text"), [("supply", ""), ("supply", "x" * 2001), ("other thing", "long enough")])
async def test_a_complaint_that_says_nothing_is_told_so_and_keeps_its_text(house, subject, text):
    browser = await house.inside()
    await browser.get("/portal/complaints")
    assert (await browser.post("/portal/complaints", subject=subject, text=text)).status_code == 422
    assert await house.store.portal.complaints.items() == []


async def test_only_so_many_complaints_a_day(house):
    browser = await house.inside()
    await browser.get("/portal/complaints")
    statuses = [
        (await browser.post("/portal/complaints", subject="other", text="once more")).status_code for _ in range(6)
    ]
    assert statuses == [303] * 5 + [429]


async def test_a_password_is_changed_only_by_who_knows_the_present_one(house):
    browser = await house.inside()
    await browser.get("/portal/password")
    first, second = "correct horse 1", "battery staple 2"
    assert (await browser.post("/portal/password", new=first, again=first)).status_code == 303
    assert (await browser.post("/portal/password", new=second, again=second)).status_code == 422
    assert (await browser.post("/portal/password", old="wrong one 12", new=second, again=second)).status_code == 422
    assert (await browser.post("/portal/password", old=first, new=second, again=second)).status_code == 303


@pytest.mark.parametrize(
    ("new", "again"), [("short", "short"), ("a" * 12, "a" * 12), ("long enough 1", "long enough 2")]
)
async def test_a_password_that_is_weak_or_mistyped_is_refused(house, new, again):
    browser = await house.inside()
    await browser.get("/portal/password")
    assert (await browser.post("/portal/password", new=new, again=again)).status_code == 422
    assert await house.store.portal.doors.password_hash(OWN) is None


async def test_the_download_holds_all_that_is_kept_and_nothing_of_anybody_else(house):
    await energy(house, 12_00, 2000, "a")
    browser = await house.inside()
    answer = await browser.get("/portal/data/download")
    assert answer.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    kept = {"account.json", "ledger.csv", "use-by-day.csv", "payments.csv", "messages.csv", "complaints.csv"}
    assert set(archive.namelist()) == kept
    assert json.loads(archive.read("account.json"))["consumer_no"] == OWN
    ledger = list(csv.DictReader(io.StringIO(archive.read("ledger.csv").decode("utf-8-sig"))))
    assert [row["amount_paise"] for row in ledger] == ["-5000", "-1200"]
    everything = b"".join(archive.read(name) for name in archive.namelist())
    assert OTHER.encode() not in everything
    assert b"Consumer 00002" not in everything


async def test_a_message_on_the_screen_counts_as_read(house):
    notice = making.notice(house.clock, "negative:1")
    await house.store.portal.doors._writer.run(lambda connection: _write(connection, notice))
    browser = await house.inside()
    assert "शेष राशि ऋणात्मक है" in (await browser.get("/portal/messages")).text
    assert "शेष राशि ऋणात्मक है" in (await browser.get("/portal/")).text


def _write(connection, notice):
    stored = stored_account(connection, notice.consumer_no)
    write_notice(connection, stored.id, stored.account, notice)


def test_every_sentence_stands_in_both_languages_with_the_same_fields():
    hindi, english = (words(language).texts for language in LANGUAGES)
    assert set(hindi) == set(english)

    def fields(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert {key for key in hindi if fields(hindi[key]) != fields(english[key])} == set()


def test_hindi_is_hindi():
    foreign = {"site.other_language", "site.none", "recharge.suggest"}
    plain = [
        key
        for key, said in words("hi").texts.items()
        if key not in foreign and not any("\u0900" <= letter <= "\u097f" for letter in said)
    ]
    assert plain == []


def test_no_page_of_the_portal_speaks_by_itself():
    for path in (TEMPLATES / "portal").glob("*.html"):
        text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>|/portal/|kWh|XXXXXX", "", path.read_text(), flags=re.DOTALL)
        assert re.search(r"[A-Za-z\u0900-\u097f]{2,}", text) is None, path.name


@pytest.mark.parametrize("path", ["nothing-here", "recharge/a/b/c"])
async def test_an_address_that_leads_nowhere_is_told_in_both_languages(house, path):
    answer = await house.browser().get(f"/portal/{path}", accept="text/html")
    assert answer.status_code == 404
    assert "यह पृष्ठ नहीं मिला" in answer.text
    assert "This page was not found" in answer.text


async def test_a_name_from_an_import_is_only_text(house):
    await house.store.portal.doors._writer.run(
        lambda connection: connection.execute("UPDATE accounts SET name = ? WHERE consumer_no = ?", (EVIL, OWN))
    )
    browser = await house.inside()
    for path in ("", "more"):
        assert EVIL not in (await browser.get(f"/portal/{path}")).text
