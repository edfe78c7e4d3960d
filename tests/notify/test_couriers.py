"""Couriers over real sockets: the stand-in gateway, a receiver of webhooks, a mail server, and a store."""

import asyncio
import hashlib
import hmac
import random
import socket
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from attrs import evolve

sys.path.insert(0, str(Path(__file__).parent.parent / "contracts"))

from store_making import CONSUMER, START, Clock, events_of, keep, notice, open_sqlite, settle_in, visit

from headend.notify.delivery import Courier, CourierRules
from headend.notify.http import Http
from headend.notify.mail import Mail
from headend.notify.manners import Manners
from headend.notify.model import ChannelKind, NoticeKind, Route
from headend.notify.outgoing import Away, DeliveryState, Lane, Later, Outgoing, Refused, Taken
from headend.notify.smsgateway import SmsGateway
from headend.notify.smsspec import ReceiptSpec, SmsSpec
from headend.notify.webhook import SIGNATURE, Webhook, signature
from simulator.smsgateway import Behaviour
from simulator.smsgateway import SmsGateway as Gateway

RULES = CourierRules(poll_s=0.01, first_s=0.01, longest_s=0.02)
MANNERS = Manners(
    quiet=None,
    first_retry=timedelta(0),
    longest_retry=timedelta(0),
    repeat_after=timedelta(0),
    undelivered_after=1,
    valid_for=timedelta(days=9),
)
LANE = Lane("sms", ChannelKind.SMS, look_s=0.0)
MESSAGE = Outgoing(
    delivery=1,
    send=1,
    attempt=1,
    channel="hook",
    kind=NoticeKind.NEGATIVE,
    key="negative:1",
    language="hi",
    consumer_no=CONSUMER,
    at=START,
    text="बिजली",
    address="consumer@example.org",
)


@pytest.fixture(autouse=True)
def _quiet():
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def clock():
    return Clock(START)


@pytest.fixture
async def store(tmp_path, clock):
    opened = await open_sqlite(tmp_path, clock, armed=True)
    await settle_in(opened, tmp_path, count=3)
    yield opened
    await opened.close()


@asynccontextmanager
async def gateway(behaviour=None, port=0, **options):
    behaviour = behaviour or Behaviour(receipt_s=0.0)
    running = Gateway(behaviour, asyncio.get_running_loop().time, random.Random(7), token="t0ken", **options)
    await running.listen("127.0.0.1", port)
    try:
        yield running
    finally:
        await running.close()


def spec(port):
    return SmsSpec(
        url=f"http://127.0.0.1:{port}/send",
        headers={"Authorization": "Bearer {secret}"},
        json={
            "to": "{to}",
            "text": "{text}",
            "coding": "{coding}",
            "reference": "{reference}",
            "entity": "{entity}",
            "template": "{template}",
        },
        accepted=frozenset({"accepted"}),
        bad_number=frozenset({"invalid_number"}),
        receipts=ReceiptSpec(f"http://127.0.0.1:{port}/status/{{id}}", bad_number=frozenset({"unknown_number"})),
        secret="t0ken",
    )


@asynccontextmanager
async def delivering(store, port, manners=MANNERS, **changes):
    channel = SmsGateway(evolve(spec(port), **changes), Http(5.0))
    courier = Courier(store.deliveries, LANE, channel, manners, RULES)
    task = asyncio.create_task(courier.run())
    try:
        yield courier
    finally:
        courier.stop()
        await asyncio.wait_for(task, 20)


async def tell(store, clock, key="n1", number=1, kind=NoticeKind.NEGATIVE):
    consumer = f"{10_000_000_000 + number}"
    told = evolve(
        notice(clock, key, kind, consumer),
        routes=(Route("sms", ChannelKind.SMS, "hi"),),
        texts={"hi": f"बिजली {key}", "en": key},
    )
    await store.fleet.record_visit(visit(clock, number), lambda view: keep(view, notices=(told,)))


async def until(store, condition, **query):
    async with asyncio.timeout(30):
        while True:
            found = await store.deliveries.deliveries(**query)
            if found and all(condition(each) for each in found):
                return found
            await asyncio.sleep(0.01)


def settled(delivery):
    return delivery.state in (DeliveryState.DELIVERED, DeliveryState.FAILED)


async def test_a_text_message_goes_out_and_its_receipt_makes_the_notice_delivered(store, clock):
    await tell(store, clock)
    async with gateway() as provider, delivering(store, provider.port):
        (done,) = await until(store, settled)
    assert (done.state, done.sends, done.sent_to) == (DeliveryState.DELIVERED, 1, "9000000001")
    (message,) = provider.messages.values()
    assert (message.to, message.text) == ("919000000001", "बिजली n1")
    (written,) = await store.accounts.notices(CONSUMER)
    assert written.delivered_at == clock.now


async def test_a_lost_answer_is_repeated_and_the_consumer_hears_it_once(store, clock):
    script = {"9000000001": ["lose_after", "lose_before", "throttle"]}
    await tell(store, clock)
    async with gateway(script=script) as provider, delivering(store, provider.port):
        (done,) = await until(store, settled)
    assert (done.state, done.attempts) == (DeliveryState.DELIVERED, 4)
    assert len(provider.messages) == 1


async def test_a_refusal_is_final_and_told(store, clock):
    await tell(store, clock)
    async with gateway(script={"9000000001": ["reject"]}) as provider, delivering(store, provider.port):
        (done,) = await until(store, settled)
    assert (done.state, done.error) == (DeliveryState.FAILED, "status 200: blocked")
    assert len(await events_of(store, "notice.failed")) == 1
    assert await store.contacts.without_number() == []


async def test_a_phone_that_is_off_is_tried_again_and_an_unknown_number_is_not(store, clock):
    script = {
        "9000000001": ["absent", "absent", "accept"],
        "9000000002": ["unknown_number"],
        "9000000003": ["absent"] * 9,
    }
    for number in (1, 2, 3):
        await tell(store, clock, number=number)
    async with gateway(script=script) as provider, delivering(store, provider.port):
        found = await until(store, settled)
    outcome = {each.consumer_no[-1]: (each.state.value, each.sends) for each in found}
    assert outcome == {"1": ("delivered", 3), "2": ("failed", 1), "3": ("failed", 3)}
    assert [each.consumer_no[-1] for each in await store.contacts.without_number()] == ["2", "3"]


async def test_while_the_gateway_is_away_messages_wait_and_it_is_told_once(store, clock):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    await tell(store, clock)
    async with delivering(store, port) as courier:
        async with asyncio.timeout(20):
            while courier._failures < 3:  # noqa: ASYNC110  what is waited for happens in a courier
                await asyncio.sleep(0.01)
        (waiting,) = await store.deliveries.deliveries()
        assert (waiting.state, waiting.sends) == (DeliveryState.QUEUED, 0)
        async with gateway(port=port):
            (done,) = await until(store, settled)
    assert (done.state, done.attempts) == (DeliveryState.DELIVERED, 1)
    assert len(await events_of(store, "channel.away")) == len(await events_of(store, "channel.back")) == 1


async def test_a_thousand_fates_leave_no_message_without_an_end(store, clock):
    behaviour = Behaviour(reject=0.1, throttle=0.1, lose_before=0.1, lose_after=0.1, fail=0.2, receipt_s=0.0)
    for turn in range(30):
        for number in (1, 2, 3):
            await tell(store, clock, f"r{turn}", number, NoticeKind.RECHARGED)
    async with gateway(behaviour) as provider, delivering(store, provider.port):
        found = await until(store, settled, limit=1000)
    assert len(found) == 90
    by_reference = [message.reference for message in provider.messages.values()]
    assert len(by_reference) == len(set(by_reference))
    delivered = {each.id for each in found if each.state is DeliveryState.DELIVERED}
    arrived = {
        int(message.reference.split("-")[2]) for message in provider.messages.values() if message.fate == "delivered"
    }
    # What arrived is known to have arrived; what was given up over lost answers alone may have arrived unheard.
    assert delivered <= arrived
    assert len(delivered) > 60


async def test_a_wrong_token_and_missing_dlt_ids_are_refused_by_the_gateway(store, clock):
    await tell(store, clock)
    async with gateway(require_dlt=True) as provider:
        async with delivering(store, provider.port, secret="wrong"):
            (done,) = await until(store, settled)
            assert done.error == "status 401: bad_token"
        await store.deliveries.retry(done.id, "a test")
        async with delivering(store, provider.port):
            (done,) = await until(store, settled)
            assert done.error == "status 400: dlt"
        await store.deliveries.retry(done.id, "a test")
        registered = {(NoticeKind.NEGATIVE, "hi"): "1107000000000000001"}
        async with delivering(store, provider.port, entity="1101000000000000001", templates=registered):
            (done,) = await until(store, settled)
            assert done.state is DeliveryState.DELIVERED


async def test_a_consumer_without_a_number_is_refused_before_anything_is_sent():
    channel = SmsGateway(spec(1), Http())
    assert await channel.send(evolve(MESSAGE, address=None)) == Refused("no mobile number is known")


@asynccontextmanager
async def receiver(status):
    """Takes one post a connection; a list that fills with (headers, body)."""
    got = []

    async def take(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:-2])
        body = await reader.readexactly(int(headers.get("Content-Length") or headers["content-length"]))
        got.append((headers, body))
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Taken(None)),
        (204, Taken(None)),
        (410, Refused("status 410")),
        (500, Later("status 500")),
        (302, Later("status 302")),
    ],
)
async def test_a_webhook_is_signed_json(status, outcome):
    async with receiver(status) as (port, got):
        hook = Webhook(f"http://127.0.0.1:{port}/notices", "s3cret", Http(), lambda: START)
        assert await hook.send(MESSAGE) == outcome
        await hook.close()
    ((headers, body),) = got
    stamp = int(START.timestamp())
    expected = hmac.new(b"s3cret", f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"t={stamp},v1={expected}" == signature("s3cret", stamp, body)
    assert '"text":"बिजली"'.encode() in body
    assert b'"reference":"headend-hook-1-1"' in body


async def test_a_webhook_that_nobody_takes_is_away():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hook = Webhook(f"http://127.0.0.1:{port}/", "s3cret", Http(), lambda: START)
    assert isinstance(await hook.send(MESSAGE), Away)
    await hook.close()


@asynccontextmanager
async def mail_server(rcpt="250 ok"):
    """Speaks enough SMTP for one mail; a list that fills with what came after DATA."""
    got = []

    async def talk(reader, writer):
        def say(text):
            writer.write(text.encode() + b"\r\n")

        say("220 test")
        while line := await reader.readline():
            match line.split()[0].upper():
                case b"DATA":
                    say("354 go on")
                    got.append(await reader.readuntil(b"\r\n.\r\n"))
                    say("250 taken")
                case b"RCPT":
                    say(rcpt)
                case b"QUIT":
                    say("221 bye")
                    break
                case _:
                    say("250 ok")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got


def mail(port):
    return Mail("127.0.0.1", port, "bijli@example.org", "none", {"hi": "आपका बिजली खाता"}, timeout_s=5.0)


async def test_a_mail_carries_the_text_in_its_language():
    from email import message_from_bytes
    from email.header import decode_header, make_header

    async with mail_server() as (port, got):
        assert await mail(port).send(MESSAGE) == Taken(None)
    (letter,) = [message_from_bytes(octets.removesuffix(b"\r\n.\r\n")) for octets in got]
    assert (letter["To"], letter["From"]) == ("consumer@example.org", "bijli@example.org")
    assert str(make_header(decode_header(letter["Subject"]))) == "आपका बिजली खाता"
    assert letter["Message-ID"] == "<headend-hook-1-1@example.org>"
    assert letter.get_payload(decode=True).decode().strip() == "बिजली"


@pytest.mark.parametrize(("answer", "kind"), [("550 no such user", Refused), ("450 later", Later)])
async def test_a_recipient_that_is_refused_for_good_is_not_tried_again(answer, kind):
    async with mail_server(answer) as (port, _):
        assert isinstance(await mail(port).send(MESSAGE), kind)


async def test_no_mail_server_is_away_and_no_address_is_refused():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(await mail(port).send(MESSAGE), Away)
    assert await mail(port).send(evolve(MESSAGE, address=None)) == Refused("no e-mail address is known")
    assert isinstance(await mail(port).send(evolve(MESSAGE, address="a\r\nBcc: b@example.org")), Refused)
