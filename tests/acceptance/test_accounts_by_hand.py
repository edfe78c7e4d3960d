"""Accounts from the command line, without a meter that answers: who may book what, and the proof of the sums."""

import pytest

INVENTORY = """serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone
X0000001,XXX0000000000001,,is15959-single-phase,tcp://127.0.0.1:1,1,lane,Ranchi/East/Kokar,,all,Asia/Kolkata
"""
CONSUMERS = """consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance
10000000001,Consumer 1,hi,9000000001,domestic,Ranchi/East/Kokar,default,,ledger,X0000001,-600.00
"""
CONSUMER = "10000000001"


@pytest.fixture
def desk(site):
    """An office with one account that owes 600 rupees; no meter is ever reached."""
    site.configure()
    (site.folder / "inventory.csv").write_text(INVENTORY)
    (site.folder / "consumers.csv").write_text(CONSUMERS)
    for command in (
        ("keys", "init"),
        ("meters", "import", site.folder / "inventory.csv"),
        ("consumers", "import", site.folder / "consumers.csv"),
    ):
        answer = site.headend(*command)
        assert answer.exit_code == 0, answer
    return site


def by(site, person, *arguments):
    return site.headend(*arguments, LOGNAME=person)


def shown(site, *options):
    return site.headend("accounts", "show", CONSUMER, "--json", *options).json["balance_paise"]


def test_money_is_booked_corrected_by_two_and_proven(desk):
    entry = ("--reference", "SD-1", "--reason", "deposit adjusted")
    booked = by(desk, "officer-1", "accounts", "book", CONSUMER, "deposit", "150.25", *entry)
    assert booked.exit_code == 0, booked
    assert "₹150.25 booked" in booked.stderr
    asked = by(
        desk, "officer-1", "accounts", "propose-correction", CONSUMER, "50", "--reason", "wrong rate", "--json"
    ).json
    alone = by(desk, "officer-1", "accounts", "approve", str(asked["id"]))
    assert (alone.exit_code, "second person" in alone.stderr) == (4, True), alone
    assert shown(desk) == -449_75
    assert by(desk, "officer-2", "accounts", "approve", str(asked["id"])).exit_code == 0
    assert shown(desk) == -399_75
    undone = by(
        desk, "officer-2", "accounts", "propose-correction", CONSUMER, "--reverses", "2", "--reason", "twice", "--json"
    )
    assert by(desk, "officer-2", "accounts", "reject", str(undone.json["id"])).exit_code == 0
    assert shown(desk) == -399_75
    proof = desk.headend("accounts", "check", "--json")
    assert (proof.exit_code, proof.json["ok"], proof.json["report"]["total"]) == (0, True, -399_75)
    assert "every sum is proven" in desk.headend("accounts", "check").stderr
    assert shown(desk, "--at", "2020-01-01") == 0


def test_arrears_are_paid_in_instalments(desk):
    plan = by(
        desk,
        "officer-1",
        "accounts",
        "plan",
        CONSUMER,
        "600",
        "--instalments",
        "4",
        "--first",
        "2099-01-31",
        "--reason",
        "agreed",
    )
    assert plan.exit_code == 0, plan
    assert "₹150.00" in plan.stdout
    assert shown(desk) == 0
    (made,) = desk.headend("accounts", "plans", CONSUMER, "--json").json
    assert [part["due_on"] for part in made["parts"]] == ["2099-01-31", "2099-02-28", "2099-03-31", "2099-04-30"]
    more = by(
        desk,
        "officer-1",
        "accounts",
        "plan",
        CONSUMER,
        "1",
        "--instalments",
        "1",
        "--first",
        "2099-01-31",
        "--reason",
        "again",
    )
    assert (more.exit_code, "lend" in more.stderr) == (2, True)


def test_what_makes_no_sense_is_refused_in_words(desk):
    both = by(desk, "officer-1", "accounts", "propose-correction", CONSUMER, "5", "--reverses", "1", "--reason", "x")
    neither = by(desk, "officer-1", "accounts", "propose-correction", CONSUMER, "--reason", "x")
    wrong = by(desk, "officer-1", "accounts", "book", CONSUMER, "rebate", "many", "--reference", "R", "--reason", "x")
    assert [each.exit_code for each in (both, neither, wrong)] == [2, 2, 2]
    assert "Traceback" not in both.stderr + neither.stderr + wrong.stderr
    assert shown(desk) == -600_00


def test_the_story_of_an_account_is_told_in_two_languages(desk):
    by(
        desk,
        "officer-1",
        "accounts",
        "book",
        CONSUMER,
        "deposit",
        "150",
        "--reference",
        "SD-1",
        "--reason",
        "deposit adjusted",
    )
    english = desk.headend("accounts", "explain", CONSUMER, "--language", "en")
    assert english.exit_code == 0, english
    assert "A security deposit of ₹150.00 was credited." in english.stdout
    assert "[ledger entry 2]" in english.stdout
    hindi = desk.headend("accounts", "explain", CONSUMER)
    assert "सुरक्षा जमा राशि ₹150.00 खाते में जोड़ी गई।" in hindi.stdout
    steps = desk.headend("accounts", "explain", CONSUMER, "--json").json["steps"]
    assert all(step["text"] and step["evidence"] for step in steps)
