import pytest
from portal_house import OTHER, OWN

from headend.prepaid.portal import PaymentState
from headend.web.portal.sandbox import SIGNATURE, Play


async def begin(browser, amount="200"):
    await browser.get("/portal/recharge")
    answer = await browser.post("/portal/recharge", amount=amount)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].rpartition("/")[2]


async def play(house, browser, payment, chosen):
    await browser.get(f"/portal/sandbox/{payment}")
    answer = await browser.post(f"/portal/sandbox/{payment}", play=chosen)
    assert answer.headers["location"] == f"/portal/recharge/{payment}"
    return await browser.get(f"/portal/recharge/{payment}")


async def balance(house, number=OWN):
    return await house.store.accounts.balance(number)


async def test_a_payment_is_booked_and_the_receipt_shows_it(house):
    browser = await house.inside()
    payment = await begin(browser)
    assert await balance(house) == -50_00
    page = await play(house, browser, payment, "pay")
    assert await balance(house) == 150_00
    assert "रिचार्ज सफल" in page.text
    assert "₹150.00" in page.text
    assert payment in (await browser.get("/portal/recharge")).text
    entries = await house.store.accounts.ledger(OWN)
    assert (entries[0].reference, entries[0].note) == (payment, "portal sandbox")


async def test_an_amount_may_be_written_in_the_digits_of_hindi(house):
    browser = await house.inside()
    payment = await begin(browser, "२५०")
    assert (await house.store.portal.payments.payment(payment)).amount == 250_00


async def test_a_failed_payment_books_nothing_and_can_be_tried_again(house):
    browser = await house.inside()
    payment = await begin(browser)
    page = await play(house, browser, payment, "fail")
    assert "भुगतान नहीं हुआ" in page.text
    assert await balance(house) == -50_00


async def test_a_word_that_comes_twice_books_once(house):
    browser = await house.inside()
    payment = await begin(browser)
    await play(house, browser, payment, "twice")
    assert await balance(house) == 150_00


async def test_a_late_word_is_waited_for_and_booked(house):
    object.__setattr__(house.desk.gateway, "late_s", 0.0)
    browser = await house.inside()
    payment = await begin(browser)
    await play(house, browser, payment, "late")
    await house.desk.settled()
    page = await browser.get(f"/portal/recharge/{payment}")
    assert "रिचार्ज सफल" in page.text
    assert await balance(house) == 150_00


async def test_a_payment_without_a_word_waits_and_says_not_to_pay_again(house):
    browser = await house.inside()
    page = await play(house, browser, await begin(browser), "silent")
    assert "दोबारा भुगतान न करें" in page.text
    assert "data-changing" in page.text
    assert await balance(house) == -50_00


async def test_money_that_is_found_after_a_failure_is_booked(house):
    browser = await house.inside()
    payment = await begin(browser)
    await play(house, browser, payment, "fail_then_pay")
    assert await balance(house) == 150_00
    assert (await house.store.portal.payments.payment(payment)).state is PaymentState.PAID


async def test_a_failure_after_the_money_came_takes_nothing_back(house):
    browser = await house.inside()
    payment = await begin(browser)
    await play(house, browser, payment, "pay")
    page = await play(house, browser, payment, "fail")
    assert "रिचार्ज सफल" in page.text
    assert await balance(house) == 150_00


async def callback(house, payment, *, paid=True, change=None, sign=True):
    gateway = house.desk.gateway
    headers, body = gateway.word(payment, paid=paid)
    if change is not None:
        body = change(body)
        headers = {SIGNATURE: gateway._sign(body)} if sign else headers
    return await house.browser("203.0.113.9").post_raw("/api/v1/gateways/sandbox", body, **headers)


async def begun(house):
    browser = await house.inside()
    return await house.store.portal.payments.payment(await begin(browser))


async def test_a_gateway_calls_from_outside_and_is_answered_once_the_money_is_booked(house):
    payment = await begun(house)
    answers = [await callback(house, payment) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[0].json() == {"payment": payment.id, "state": "paid"}
    assert await balance(house) == 150_00


async def test_a_word_that_the_gateway_did_not_sign_does_nothing(house):
    payment = await begun(house)
    tampered = await callback(house, payment, change=lambda body: body.replace(b"20000", b"90000"), sign=False)
    bare = await house.browser().post_raw("/api/v1/gateways/sandbox", b"{}")
    assert tampered.status_code == bare.status_code == 409
    assert await balance(house) == -50_00
    assert (await house.store.portal.payments.payment(payment.id)).state is PaymentState.STARTED


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff\xfe", b'{"payment": 1}', b"x" * 20_000])
async def test_a_signed_word_that_makes_no_sense_is_refused(house, body):
    await begun(house)
    signed = {SIGNATURE: house.desk.gateway._sign(body)}
    answer = await house.browser().post_raw("/api/v1/gateways/sandbox", body, **signed)
    assert answer.status_code == 409
    assert await balance(house) == -50_00


async def test_another_amount_than_was_asked_for_is_disputed_and_books_nothing(house):
    payment = await begun(house)
    answer = await callback(house, payment, change=lambda body: body.replace(b"20000", b"20001"))
    assert answer.json()["state"] == "disputed"
    assert await balance(house) == -50_00
    later = await callback(house, payment)
    assert later.json()["state"] == "disputed"
    assert await balance(house) == -50_00
    kinds = [event.kind for event in await house.store.events.events(0, 1000)]
    assert kinds.count("payment.disputed") == 1


async def test_a_word_about_a_payment_that_never_was_is_not_found(house):
    payment = await begun(house)
    answer = await callback(house, payment, change=lambda body: body.replace(payment.id.encode(), b"W000"))
    assert answer.status_code == 404


async def test_another_gateways_name_is_not_found(house):
    payment = await begun(house)
    headers, body = house.desk.gateway.word(payment, paid=True)
    assert (await house.browser().post_raw("/api/v1/gateways/other", body, **headers)).status_code == 404


async def test_every_word_is_written_down(house):
    payment = await begun(house)
    for paid in (False, True, True):
        await callback(house, payment, paid=paid)
    rows = await house.store.portal.payments._readers.run(
        lambda connection: connection.execute("SELECT paid, state FROM payment_words ORDER BY id").fetchall()
    )
    assert [tuple(row) for row in rows] == [(0, "failed"), (1, "paid"), (1, "paid")]


@pytest.mark.parametrize("amount", ["", "0", "-5", "0.5", "1e3", "200.001", "100000.01", "रुपये", "NaN", "9" * 30])
async def test_an_amount_that_makes_no_sense_begins_nothing(house, amount):
    browser = await house.inside()
    await browser.get("/portal/recharge")
    answer = await browser.post("/portal/recharge", amount=amount)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert await house.store.portal.payments.of_consumer(OWN) == []


async def test_another_consumers_payment_is_not_found_whatever_is_tried(house):
    payment = (await begun(house)).id
    other = await house.inside(OTHER, "192.0.2.2")
    never = "W0000000000000000"
    for path in ("/portal/recharge/{}", "/portal/recharge/{}/state", "/portal/sandbox/{}"):
        theirs, nobodys = await other.get(path.format(payment)), await other.get(path.format(never))
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.text.count(payment) == nobodys.text.count(never)
    tried = await other.post(f"/portal/sandbox/{payment}", play="pay")
    assert tried.status_code == 404
    assert await balance(house) == -50_00


async def test_payments_are_begun_only_so_often(house):
    browser = await house.inside()
    for _ in range(10):
        await begin(browser)
    await browser.get("/portal/recharge")
    assert (await browser.post("/portal/recharge", amount="200")).status_code == 429


async def test_without_a_gateway_nothing_can_be_begun_and_the_sandbox_is_not_there(house):
    object.__setattr__(house.desk, "gateway", None)
    browser = await house.inside()
    page = await browser.get("/portal/recharge")
    assert "काउंटर पर रिचार्ज" in page.text
    assert (await browser.post("/portal/recharge", amount="200")).status_code == 422
    assert (await browser.get("/portal/sandbox/W1")).status_code == 404
    assert (await browser.post_raw("/api/v1/gateways/sandbox", b"{}")).status_code == 404


def test_the_sandbox_keeps_its_secret_to_itself(house):
    gateway = house.desk.gateway
    assert gateway.secret.hex() not in repr(gateway)
    assert repr(gateway.secret) not in repr(gateway)


def test_every_way_of_behaving_has_its_words():
    from headend.web.portal.sandbox import WORDS

    assert set(WORDS) == set(Play)
