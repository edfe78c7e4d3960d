"""Notices as their users meet them: daemon, gateway and command line as processes of their own."""

import contextlib
import json
import re
import subprocess
import sys
import urllib.request

import pytest

CHANNELS = """
[notices]
quiet_hours = ""
[[channels]]
kind = "inbox"
name = "online"
[[channels]]
kind = "sms"
name = "sms"
url = "http://127.0.0.1:{port}/send"
json = {{ to = "{{to}}", text = "{{text}}", coding = "{{coding}}", reference = "{{reference}}" }}
accepted = ["accepted"]
attempts_a_day = 1000
receipts = {{ url = "http://127.0.0.1:{port}/status/{{id}}", every = "1s" }}
"""
NEW = "9876543210"


@contextlib.contextmanager
def gateway():
    command = [sys.executable, "-m", "simulator", "sms-gateway", "--port", "0", "--receipt-after", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()


def messages(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/messages", timeout=10) as answer:
        return json.loads(answer.read())["messages"]


@pytest.fixture
def told(site):
    """One meter and its consumer, a gateway, no daemon; gives (site, consumer number, gateway's port)."""
    site.start_simulator(meters=1)
    with gateway() as port:
        site.configure(mode="notify", extra=CHANNELS.format(port=port))
        site.import_all()
        yield site, site.headend("meters", "list", "--json").json[0]["consumer_no"], port


def test_a_recharge_is_confirmed_by_text_message_and_its_receipt_is_kept(told):
    site, consumer, port = told
    assert site.headend("recharge", consumer, "500", "--payment-id", "P1").exit_code == 0
    (queued,) = site.headend("notices", "queue", "--state", "queued", "--json").json
    assert (queued["channel"], queued["kind"]) == ("sms", "recharged")
    site.start_daemon()

    def delivered():
        return site.headend("notices", "queue", "--state", "delivered", "--consumer", consumer, "--json").json

    message = site.until(delivered)[0]
    assert site.stop_daemon() == 0
    (taken,) = messages(port)
    shown = site.headend("notices", "show", message["id"], "--json").json
    assert (taken["text"], taken["to"][-10:]) == (shown["text"], shown["sent_to"][-10:])
    assert "500.00" in taken["text"]
    (notice,) = site.headend("notices", "list", consumer, "--json").json
    assert notice["delivered_at"] is not None
    channels = {row["channel"]: row for row in site.headend("notices", "channels", "--json").json}
    assert (channels["sms"]["delivered"], channels["sms"]["attempts_left"]) == (1, 999)
    assert channels["online"]["sent"] == 1
    for command in (["queue"], ["undelivered"], ["show", str(message["id"])], ["channels"]):
        assert site.headend("notices", *command).exit_code == 0


def test_a_number_is_changed_at_the_counter_with_a_code_and_the_old_number_is_told(told):
    site, consumer, port = told
    old = site.headend("consumers", "list", "--json").json[0]["mobile"]
    answer = site.headend("consumers", "change-number", consumer, NEW, "--by", "counter-4", "--json")
    assert answer.json == {"consumer_no": consumer, "sent_to": NEW}
    (sent,) = messages(port)
    code = re.search(r"\b([0-9]{6})\b", sent["text"])[1]
    assert sent["to"] == f"91{NEW}"
    kept = [file.read_bytes() for file in site.folder.glob("headend.db*")]
    assert kept or site.url is not None
    assert all(sent["text"].encode() not in octets for octets in kept)
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    refused = site.headend("consumers", "confirm-number", consumer, wrong)
    assert (refused.exit_code, "2 tries" in refused.stderr) == (4, True)
    confirmed = site.headend("consumers", "confirm-number", consumer, code, "--by", "counter-4", "--json")
    assert confirmed.json == {"consumer_no": consumer, "mobile": NEW}
    assert site.headend("consumers", "confirm-number", consumer, code).exit_code == 4
    assert site.headend("consumers", "list", "--json").json[0]["mobile"] == NEW
    (changed,) = site.events("consumer.number_changed")
    assert (changed["payload"]["by"], changed["payload"]["after"]) == ("counter-4", "XXXXXX3210")
    site.start_daemon()
    told_old = site.until(lambda: [one for one in messages(port) if one["to"].endswith(old[-10:])])
    assert "XXXXXX3210" in told_old[0]["text"]


def test_a_code_that_cannot_be_sent_changes_nothing(site):
    site.start_simulator(meters=1)
    with gateway() as port:
        pass  # it is gone again
    site.configure(mode="notify", extra=CHANNELS.format(port=port))
    site.import_all()
    consumer = site.headend("meters", "list", "--json").json[0]["consumer_no"]
    answer = site.headend("consumers", "change-number", consumer, NEW)
    assert (answer.exit_code, "could not be sent" in answer.stderr) == (3, True)
    assert site.headend("consumers", "confirm-number", consumer, "000000").exit_code == 4


def test_consumers_without_a_number_are_listed_for_their_office(told):
    site, consumer, _ = told
    assert site.headend("consumers", "list", "--without-number", "--json").json == []
    text = (site.folder / "consumers.csv").read_text()
    mobile = site.headend("consumers", "list", "--json").json[0]["mobile"]
    (site.folder / "consumers.csv").write_text(text.replace(mobile, ""))
    assert site.headend("consumers", "import", site.folder / "consumers.csv").exit_code == 0
    (listed,) = site.headend("consumers", "list", "--without-number", "--json").json
    assert listed["consumer_no"] == consumer
    assert site.headend("consumers", "list", "--without-number", "--office", "Nowhere", "--json").json == []
    assert site.headend("consumers", "list", "--without-number").exit_code == 0


def test_what_makes_no_sense_is_refused_with_a_reason(told):
    site, consumer, _ = told
    for command, code, reason in (
        (["notices", "show", "99"], 2, "message 99"),
        (["notices", "retry", "99"], 2, "message 99"),
        (["consumers", "change-number", consumer, "12345"], 4, "10 digits"),
        (["consumers", "change-number", "99999999999", NEW], 2, "99999999999"),
        (["consumers", "set-email", consumer, "nonsense"], 2, "e-mail"),
    ):
        answer = site.headend(*command)
        assert (answer.exit_code, reason in answer.stderr) == (code, True), answer
    assert site.headend("consumers", "set-email", consumer, "a@example.org").exit_code == 0
