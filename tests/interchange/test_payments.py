import json
from datetime import timedelta

import pytest
from exchange_house import SECRETS

from headend.app.interchange_payments import PaymentDesk
from headend.interchange.payments import LONGEST_MESSAGE, MOST_PAYMENTS
from headend.interchange.signing import HEADER, sign
from headend.settings import SettingsError
from headend.storage.errors import StorageError

CONSUMER = "10000000001"


def payment(payment_id="UPI-1", amount=500_00, consumer=CONSUMER, **more):
    return {"payment_id": payment_id, "consumer_no": consumer, "amount_paise": amount, **more}


@pytest.fixture
def desk(house):
    return PaymentDesk(house.headend, house.clock)


@pytest.fixture
def send(house, desk):
    async def post(document, *, secret=SECRETS[0], signed_at=None, headers=None):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        signed = {HEADER.upper(): sign(secret, body, signed_at or house.now)}
        status, answer = await desk.handle(signed if headers is None else headers, body)
        return status, json.loads(answer)

    return post


async def booked(house, consumer=CONSUMER):
    entries = await house.headend.store.accounts.ledger(consumer)
    return [(each.reference, each.amount) for each in entries if each.kind == "recharge"]


async def test_a_signed_payment_is_booked_and_answered_with_the_balance(house, send):
    status, answer = await send(payment(paid_at=house.now.isoformat(), channel="UPI"))
    assert (status, answer["outcome"], answer["balance_paise"], answer["late"]) == (200, "booked", 450_00, False)
    assert await booked(house) == [("UPI-1", 500_00)]
    (entry, *_) = await house.headend.store.accounts.ledger(CONSUMER)
    assert entry.note.startswith("payment gateway, UPI, paid ")


async def test_a_message_that_comes_again_is_told_as_repeated_and_booked_once(house, send):
    await send(payment())
    for _ in range(3):
        status, answer = await send(payment())
        assert (status, answer["outcome"], answer["balance_paise"]) == (200, "repeated", 450_00)
    assert await booked(house) == [("UPI-1", 500_00)]
    assert len(await house.events("account.recharged")) == 1


async def test_a_replay_after_the_tolerance_is_refused_and_books_nothing(house, send):
    signed_at = house.now
    house.now += timedelta(minutes=5, seconds=1)
    status, answer = await send(payment(), signed_at=signed_at)
    assert (status, answer["code"]) == (401, "signature_stale")
    assert await booked(house) == []


@pytest.mark.parametrize(
    ("secret", "headers", "code"),
    [
        ("a-secret-that-somebody-guessed", None, "signature_wrong"),
        (SECRETS[0], {}, "signature_missing"),
        (SECRETS[0], {HEADER: "t=1"}, "signature_malformed"),
    ],
)
async def test_an_unsigned_message_books_nothing(house, send, secret, headers, code):
    status, answer = await send(payment(), secret=secret, headers=headers)
    assert (status, answer["code"]) == (401, code)
    assert await booked(house) == []


async def test_the_older_secret_fits_while_it_is_being_changed(house, send):
    assert (await send(payment(), secret=SECRETS[1]))[0] == 200


async def test_a_payment_told_late_is_booked_now_and_marked(house, send):
    status, answer = await send(payment(paid_at=(house.now - timedelta(days=3)).isoformat()))
    assert (status, answer["outcome"], answer["late"]) == (200, "booked", True)
    (entry, *_) = await house.headend.store.accounts.ledger(CONSUMER)
    assert entry.note.endswith("late")
    assert abs(entry.at - house.now) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        (payment(consumer="10000000009"), 404, "unknown_consumer"),
        (payment(amount=99_99), 422, "below_minimum"),
        (payment(amount=0), 422, "payment_invalid"),
        (payment(amount=-500_00), 422, "payment_invalid"),
        (payment(amount=10_00_000_01), 422, "payment_invalid"),
        (payment(payment_id=""), 422, "payment_invalid"),
        (payment(payment_id="a b"), 422, "payment_invalid"),
        (payment(amount="500"), 422, "payment_unreadable"),
        (payment(amount=500.5), 422, "payment_unreadable"),
        (payment(amount=True), 422, "payment_unreadable"),
        (payment(amount=None), 422, "payment_unreadable"),
        (payment(consumer=5), 422, "payment_unreadable"),
        (payment(paid_at="yesterday"), 422, "payment_unreadable"),
        (payment(paid_at="2026-11-24T10:15:00"), 422, "payment_unreadable"),
        (payment(paid_at="2126-11-24T10:15:00Z"), 422, "paid_in_the_future"),
        ({}, 422, "payment_unreadable"),
    ],
)
async def test_a_payment_that_cannot_be_booked_says_why_and_changes_nothing(house, send, document, status, code):
    answered = await send(document)
    assert (answered[0], answered[1]["code"]) == (status, code)
    assert answered[1]["error"]
    assert await booked(house) == []


async def test_the_same_id_with_another_amount_or_consumer_is_a_conflict(house, send):
    await send(payment())
    for other in (payment(amount=501_00), payment(consumer="10000000002")):
        status, answer = await send(other)
        assert (status, answer["code"]) == (409, "payment_conflict")
    assert await booked(house) == [("UPI-1", 500_00)]


async def test_a_booked_payment_below_a_minimum_that_was_raised_since_is_repeated(house, send):
    await send(payment(amount=100_00))
    (house.folder / "policy.toml").write_text('name = "dearer"\nmin_recharge = "200"\n')
    house.headend.use(type(house.headend.setup).read(house.headend.setup.settings))
    assert (await send(payment(amount=100_00)))[1]["outcome"] == "repeated"
    assert (await send(payment("UPI-2", amount=100_00)))[1]["code"] == "below_minimum"


async def test_of_several_payments_each_has_its_own_answer_in_their_order(house, send):
    rows = [
        payment(),
        payment("UPI-2", consumer="10000000009"),
        payment("UPI-3", amount=5),
        "rubbish",
        payment("UPI-4"),
    ]
    status, answer = await send({"payments": rows})
    assert status == 207
    assert [each["status"] for each in answer["results"]] == [200, 404, 422, 422, 200]
    assert [each["payment_id"] for each in answer["results"]] == ["UPI-1", "UPI-2", "UPI-3", None, "UPI-4"]
    assert sorted(await booked(house)) == [("UPI-1", 500_00), ("UPI-4", 500_00)]
    repeated = await send({"payments": [rows[0], rows[4]]})
    assert repeated[0] == 200
    assert {each["outcome"] for each in repeated[1]["results"]} == {"repeated"}


async def test_a_store_that_fails_asks_the_sender_to_try_again(house, send, monkeypatch):
    async def broken(*_, **__):
        raise StorageError("the disk is full")

    monkeypatch.setattr(type(house.headend.store.accounts), "recharge", broken)
    assert (await send(payment()))[0] == 503
    assert (await send({"payments": [payment(), payment("UPI-2", consumer="1")]}))[0] == 503


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b"5",
        b'{"payments": 5}',
        b'{"payments": []}',
        b"[" * 100_000,
        b'{"a":' * 50_000,
        json.dumps({"payments": [{}] * (MOST_PAYMENTS + 1)}).encode(),
        b" " * (LONGEST_MESSAGE + 1),
    ],
    ids=lambda body: body[:12].decode(errors="replace") + f"_{len(body)}",
)
async def test_a_body_that_is_no_message_is_refused_whole(house, send, body):
    status, answer = await send(body)
    assert (status, answer["code"]) == (400, "message_unreadable")


async def test_a_recharge_that_suffices_journals_the_reconnect_of_a_cut_home(house, send):
    await house.cut_for_credit("M1")
    status, answer = await send(payment())
    assert status == 200
    command = await house.headend.store.journal.command(answer["command"])
    assert (command.target, command.cause) == ("connected", "recharge:UPI-1")


async def test_without_a_secret_no_payments_are_taken(house, send, monkeypatch):
    (house.folder / "headend.toml").write_text('[store]\npath = "headend.db"\n')
    from headend.app import Setup
    from headend.settings import load_settings

    house.headend.use(Setup.read(load_settings(str(house.folder / "headend.toml"))))
    status, answer = await send(payment())
    assert (status, answer["code"]) == (503, "not_configured")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda path: path.chmod(0o644), "others may read"),
        (lambda path: path.write_text("short"), "16 characters"),
        (lambda path: path.write_text(""), "16 characters"),
        (lambda path: path.unlink(), "can't be read"),
    ],
)
async def test_a_secret_that_cannot_be_used_names_its_file(house, send, change, names):
    change(house.folder / "payments.secret")
    with pytest.raises(SettingsError, match=rf"payments\.secret.*{names}"):
        await send(payment())
