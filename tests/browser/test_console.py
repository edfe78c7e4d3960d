import re

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
    "calendar": "cuts/calendar",
    "protected": "cuts/protected",
    "replay": "cuts/replay",
    "accounts": "accounts",
    "account": "accounts/{consumer}",
    "work": "work",
    "given-up": "given-up",
    "late": "work?kind=reconnect_late&show=",
    "conflicts": "conflicts",
    "complaints": "complaints",
    "corrections": "corrections",
    "notices": "notices",
    "events": "events",
    "visits": "visits",
    "ledger": "ledger",
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


def test_an_officer_sees_what_went_over_the_line_and_opens_it_without_seeing_a_key(chromium, faces, administrator):
    meter = faces.meter_of[faces.payer]
    page = chromium.page(DESK)
    log_in(page, faces, administrator)
    page.goto(f"{faces.console}meters/{meter}")
    page.get_by_role("button", name="Read with frames").click()
    page.get_by_text("Read at the meter.").wait_for()
    page.reload()
    page.get_by_role("link", name="Frames of this visit").click()
    page.get_by_role("heading", name="Frames of a visit").wait_for()
    sealed = page.inner_text(".frames")
    assert "aarq" in sealed
    assert "glo-get-request" in sealed
    assert "get-request-normal" not in sealed
    page.get_by_role("button", name="Decipher with the meter").click()
    page.get_by_text("deciphered", exact=True).wait_for()
    assert "get-request-" in page.inner_text(".frames")
    page.locator(".frames summary", has_text="get-response").first.click()
    keep(page, "console-frames-1440")
    content = page.content()
    assert "octet-string" in content
    known = re.findall(r'= "([0-9a-f]{32,})"', (faces.site.folder / "keys.toml").read_text())
    assert known
    assert [each for each in known if each in content] == []
    refuse_faults(page)
    page.goto(f"{faces.console}audit?q=decipher")
    assert "decipher visit" in page.inner_text("main")


def test_an_officer_adds_a_day_without_cuts_and_sees_it_in_the_calendar(chromium, faces, administrator):
    page = chromium.page(DESK)
    log_in(page, faces, administrator)
    page.goto(f"{faces.console}cuts/calendar")
    day = page.get_by_label("Day", exact=True)
    day.fill(day.get_attribute("min"))
    page.locator("#d-reason").fill("Sarhul")
    page.get_by_role("button", name="Add the day").click()
    page.get_by_text("Nobody is cut then.").wait_for()
    assert page.locator(".month td.added.today").count() == 1
    page.locator("#h-start").fill("12:00")
    page.locator("#h-end").fill("14:00")
    page.locator("#h-reason").fill("noon prayer")
    page.get_by_role("button", name="Add the hours").click()
    page.get_by_text("Nobody is cut then.").wait_for()
    assert page.locator(".picture rect.added").count() == 7
    keep(page, "console-calendar-added-1440")
    for _ in range(2):
        page.get_by_role("button", name="Lift", exact=True).first.click()
        page.get_by_text("until a second person lifts it too").wait_for()


def test_the_day_changes_while_somebody_looks(chromium, faces, administrator):
    page = chromium.page(DESK)
    log_in(page, faces, administrator)
    told = page.get_by_text("The kill switch is on.")
    assert told.count() == 0
    try:
        faces.site.headend("policy", "kill")
        told.wait_for()
    finally:
        faces.site.headend("policy", "unkill")
    told.wait_for(state="detached")


def test_an_officer_tries_other_rules_and_sees_before_and_after(chromium, faces, administrator):
    page = chromium.page(DESK)
    log_in(page, faces, administrator)
    page.goto(f"{faces.console}cuts/replay")
    rules = page.get_by_label("Rules (TOML)")
    assert "name" in rules.input_value()
    rules.fill('name = "spare everybody"\ndisconnect_below = "-10000"\nlow_levels = ["100"]\n')
    page.get_by_role("button", name="Try", exact=True).click()
    page.get_by_role("heading", name="before and after").wait_for()
    assert page.locator(".picture rect").count() > 1
    keep(page, "console-replayed-1440")
    refuse_faults(page)
    page.goto(f"{faces.console}events")
    keep(page, "console-events-1440-light")
    refuse_overflow(page)


def test_a_curve_is_moved_by_keyboard_and_a_list_by_its_address(chromium, faces, administrator):
    page = chromium.page(PHONE)
    log_in(page, faces, administrator)
    page.goto(f"{faces.console}meters/{faces.meter_of[faces.payer]}?span=day")
    page.locator(".chart canvas").wait_for()
    zoom = page.get_by_role("button", name="Zoom in")
    zoom.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Earlier").click()
    page.wait_for_url("**until=*")
    page.goto(f"{faces.console}meters?sort=-serial")
    serials = page.locator("tbody tr td:first-child").all_inner_texts()
    assert len(serials) == len(faces.meter_of)
    assert [each.split()[-1] for each in serials] == sorted((each.split()[-1] for each in serials), reverse=True)


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
        answer = page.goto(faces.console + path.format(meter=faces.meter_of[consumer], consumer=consumer))
        assert answer.status == 200, answer.url
        keep(page, f"console-{name}-{size[0]}-{scheme}")
        for look in (refuse_overflow, refuse_faults):
            try:
                look(page)
            except AssertionError as fault:
                faults.append(str(fault))
    assert not faults, "\n".join(faults)
