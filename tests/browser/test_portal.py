import pytest
from browsing import DESK, PHONE, keep, refuse_faults, refuse_overflow

pytestmark = pytest.mark.browser

PAGES = ("", "recharge", "use", "account", "messages", "more", "complaints", "password", "data")


def log_in(page, faces, consumer_no):
    """Come in by one-time password, as a person does."""
    seen = faces.codes(consumer_no)
    page.goto(faces.portal)
    page.locator("#code-no").fill(consumer_no)
    page.get_by_role("button", name="ओटीपी भेजें").click()
    page.locator("#code").fill(faces.code(consumer_no, seen))
    page.get_by_role("button", name="खाता खोलें").click()
    page.wait_for_url(lambda url: "/enter" not in url)


def test_a_consumer_registers_sees_the_debt_in_hindi_pays_and_watches_supply_return(chromium, faces):
    site, meter = faces.site, faces.meter_of[faces.debtor]
    site.until(lambda: site.relay(meter) is False)
    page = chromium.page(PHONE)
    page.goto(faces.portal)
    keep(page, "portal-door-360")
    log_in(page, faces, faces.debtor)
    assert "आपका पंजीकरण हो गया है" in page.inner_text("main")
    page.goto(faces.portal)
    site.until(lambda: page.reload() and "शेष राशि समाप्त होने के कारण आपूर्ति बंद है" in page.inner_text("main"))
    assert "-₹" in page.inner_text("#main .balance")
    keep(page, "portal-debt-360")
    page.get_by_role("link", name="का रिचार्ज करें").click()
    page.locator("#amount").fill("500")
    page.get_by_role("button", name="भुगतान के लिए आगे बढ़ें").click()
    keep(page, "portal-sandbox-360")
    page.get_by_role("button", name="भुगतान करें").click()
    # The page looks again by itself: nobody reloads it.
    page.get_by_text("मीटर से पढ़कर जाँचा गया").wait_for()
    assert "रिचार्ज सफल" in page.inner_text("main")
    keep(page, "portal-paid-360")
    assert site.relay(meter) is True
    assert site.edges(meter) == [False, True]


def test_everything_works_without_script(chromium, faces):
    page = chromium.page(PHONE, script=False)
    log_in(page, faces, faces.further[0])
    page.goto(f"{faces.portal}recharge")
    page.locator("#amount").fill("200")
    page.get_by_role("button", name="भुगतान के लिए आगे बढ़ें").click()
    page.get_by_role("button", name="भुगतान करें").click()
    assert "रिचार्ज सफल" in page.inner_text("main")
    page.goto(f"{faces.portal}complaints")
    page.locator("#text").fill("मीटर की बत्ती नहीं जलती <script>alert(1)</script>")
    page.get_by_role("button", name="शिकायत भेजें").click()
    assert "<script>alert(1)</script>" in page.inner_text("main")
    with page.expect_download() as download:
        page.goto(f"{faces.portal}data")
        page.get_by_role("link", name="डाउनलोड करें").click()
    assert download.value.suggested_filename.endswith(".zip")


def test_the_first_page_is_light(chromium, faces):
    page = chromium.page(PHONE)
    sizes = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.goto(faces.portal, wait_until="networkidle")
    assert sum(sizes.values()) <= 100 * 1024, sizes
    assert all(url.startswith(faces.origin) for url in sizes), sizes


@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "light"), (DESK, "light"), (PHONE, "dark"), (DESK, "dark")])
def test_every_page_fits_and_has_no_serious_fault(chromium, faces, size, scheme):
    consumer = faces.further[(size == DESK) * 2 + (scheme == "dark")]
    page = chromium.page(size, scheme=scheme)
    for path in ("", "office"):
        page.goto(faces.portal + path)
        _look(page, f"portal-{path or 'door'}-{size[0]}-{scheme}")
    log_in(page, faces, consumer)
    for path in PAGES:
        page.goto(faces.portal + path)
        _look(page, f"portal-{path or 'home'}-{size[0]}-{scheme}")


def _look(page, name):
    keep(page, name)
    refuse_overflow(page)
    refuse_faults(page)


def test_english_is_one_tap_away(chromium, faces):
    page = chromium.page(PHONE)
    page.goto(faces.portal)
    page.get_by_role("link", name="English").click()
    assert "See your prepaid account" in page.inner_text("main")
    keep(page, "portal-door-english-360")


def test_all_tabs_are_to_be_seen_on_the_narrowest_phone(chromium, faces):
    page = chromium.page(PHONE)
    log_in(page, faces, faces.further[1])
    for wanted in ("English", "हिन्दी"):
        hidden = "(tabs => tabs.scrollWidth - tabs.clientWidth)(document.querySelector('.tabs'))"
        assert page.evaluate(hidden) <= 0, wanted
        page.get_by_role("link", name=wanted).click()


def test_a_page_asks_nothing_of_anybody_else_and_no_script_of_it_is_refused(chromium, faces):
    page = chromium.page(PHONE)
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(faces.portal, wait_until="networkidle")
    log_in(page, faces, faces.further[0])
    page.goto(faces.portal, wait_until="networkidle")
    assert said == []
