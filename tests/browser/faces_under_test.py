"""A daemon with its web faces, a simulated fleet, and a gateway for text messages whose messages can be read."""

import contextlib
import csv
import json
import re
import subprocess
import sys
import urllib.request

CONFIGURATION = """
[portal]
gateway = "sandbox"
helpline = "1912"
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
DEBT = "-137.50"
METERS = 6


class Faces:
    """Where the faces are, and what stands behind them. `debtor` is below zero, `payer` is not."""

    def __init__(self, site, messages_port):
        self.site, self.messages_port = site, messages_port
        started = site.until(lambda: [line for line in site.daemon_log() if line.get("event") == "serving"])[-1]
        self.console, self.portal = started["console"], started["portal"]
        consumers = site.headend("consumers", "list", "--json").json
        self.debtor, self.payer, *self.further = [each["consumer_no"] for each in consumers]
        self.meter_of = {each["consumer_no"]: each["serial"] for each in site.headend("meters", "list", "--json").json}

    @property
    def origin(self):
        return self.portal.removesuffix("/portal/")

    def welcome_link(self):
        """The one-time link of the first administrator, from the log."""
        return next(line["link"] for line in self.site.daemon_log() if "link" in line)

    def messages(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.messages_port}/messages", timeout=10) as answer:
            return json.loads(answer.read())["messages"]

    def code(self, consumer_no, seen=0):
        """The newest one-time password for the portal, once there are more than `seen`."""
        return self.site.until(lambda: self._codes(consumer_no)[seen:])[-1]

    def codes(self, consumer_no):
        """How many one-time passwords were sent to a consumer."""
        return len(self._codes(consumer_no))

    def _codes(self, consumer_no):
        found = (_CODE.match(each["text"]) for each in self.messages() if consumer_no in each["text"])
        return [each[0] for each in found if each]


PASSWORD = "a sentence of the first day"


def first_log_in(page, link):
    """Use a one-time link: it sets the password and logs in."""
    page.goto(link)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("The same once more").fill(PASSWORD)
    page.get_by_role("button", name="Set password and log in").click()
    page.wait_for_url("**/console/")


def log_in(page, faces, name):
    """Log in to the console with the password of `first_log_in`."""
    page.goto(f"{faces.console}login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/console/")


_CODE = re.compile(r"[0-9]{6}(?= )")


@contextlib.contextmanager
def faces_of(site, *, meters=METERS, mode="automatic", debtors=1, approve_alone=20):
    # The browser's driver has a loop running in this thread: commands need a process of their own.
    site.headend = site.headend_process
    site.start_simulator(meters=meters)
    _owe(site.folder / "consumers.csv", debtors)
    with _messages() as port:
        site.configure(mode=mode, every="2s", web="127.0.0.1:0", extra=CONFIGURATION.format(port=port))
        text = site.config.read_text()
        site.config.write_text(text.replace("[policy]", f"[policy]\napprove_alone = {approve_alone}"))
        site.import_all()
        site.start_daemon("--arm")
        try:
            yield Faces(site, port)
        finally:
            site.stop_daemon()


def _owe(path, debtors):
    """The first consumers begin with a debt."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows[:debtors]:
        row["opening_balance"] = DEBT
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@contextlib.contextmanager
def _messages():
    command = [sys.executable, "-m", "simulator", "sms-gateway", "--port", "0", "--receipt-after", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())["port"]
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
