import pytest
from browsing import DESK, PHONE, keep, refuse_faults, refuse_overflow
from faces_under_test import first_log_in, log_in

pytestmark = pytest.mark.browser

PAGES = {
    "today": "",
    "meters": "meters",
    "meter": "meters/{meter}",
    "restore": "meters/{meter}/reconnect",
    "cut": "meters/{meter}/disconnect",
    "commands": "commands",
    "cuts": "cuts",
    "switches": "cuts/switches",
    "accounts": "accounts",
    "account": "accounts/{consumer}",
    "work": "work",
    "audit": "audit",
    "administration": "administration",
}


def test_an_operator_reconnects_a_consumer_and_sees_it_verified(chromium, faces, administrator):
    site, meter = faces.site, faces.meter_of[faces.payer]
    page = chromium.page(DESK)
    log_in(page, faces, administrator)
    page.goto(f"{faces.console}meters/{meter}/disconnect")
    page.get_by_label("Reason").fill("work at the pole")
    page.get_by_label("Type the meter's serial to confirm").fill(meter)
    page.get_by_role("button", name="Cut the supply").click()
    page.get_by_text("Read back at the meter: disconnected").wait_for()
    assert site.relay(meter) is False
    page.goto(f"{faces.console}meters/{meter}/reconnect")
    keep(page, "console-reconnect-1440")
    page.get_by_label("Reason").fill("the work is done")
    page.get_by_role("button", name="Restore the supply").click()
    page.get_by_text("Read back at the meter: connected").wait_for()
    keep(page, "console-reconnected-1440")
    assert site.relay(meter) is True
    assert site.edges(meter) == [False, True]


def test_an_officer_approves_a_proposed_cut_and_a_second_person_is_needed_above_the_limit(chromium, proposing):
    site = proposing.site
    meters = [proposing.meter_of[each] for each in (proposing.debtor, proposing.payer, proposing.further[0])]
    first = chromium.page(DESK)
    first_log_in(first, proposing.welcome_link())
    site.until(lambda: len(site.commands(state="quarantined")) == 3)
    added = site.headend("users", "add", "second", "--role", "approver", "--json")
    second = chromium.page(DESK)
    # A port of the system's choice stands in no file: only the daemon knows it.
    first_log_in(second, proposing.console + added.json["link"].partition("/console/")[2])

    first.goto(f"{proposing.console}cuts")
    keep(first, "console-proposed-1440")
    first.get_by_role("button", name="Approve these cuts").click()
    first.get_by_text("Your approval is noted").wait_for()
    assert site.edges() == []
    first.get_by_role("button", name="Approve these cuts").click()
    assert site.edges() == []

    second.goto(f"{proposing.console}cuts")
    keep(second, "console-second-person-1440")
    second.get_by_role("button", name="Approve these cuts").click()
    second.get_by_text("3 released").wait_for()
    site.until(lambda: all(site.relay(meter) is False for meter in meters))
    assert sorted(site.edges()) == [False, False, False]


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "light"), (DESK, "dark")])
def test_every_page_fits_and_has_no_serious_fault(chromium, faces, administrator, size, scheme):
    page = chromium.page(size, scheme=scheme)
    page.goto(f"{faces.console}login")
    keep(page, f"console-login-{size[0]}-{scheme}")
    refuse_faults(page)
    log_in(page, faces, administrator)
    consumer = faces.further[0]
    faults = []
    for name, path in PAGES.items():
        page.goto(faces.console + path.format(meter=faces.meter_of[consumer], consumer=consumer))
        keep(page, f"console-{name}-{size[0]}-{scheme}")
        for look in (refuse_overflow, refuse_faults):
            try:
                look(page)
            except AssertionError as fault:
                faults.append(str(fault))
    assert not faults, "\n".join(faults)
