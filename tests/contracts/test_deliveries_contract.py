"""The queue of messages: written with the notice, claimed, settled, confirmed; nothing twice, nothing lost."""

import asyncio
from datetime import timedelta

import pytest
from attrs import evolve
from store_making import CONSUMER, consumer_line, events_of, keep, notice, settle_in, visit, write_csv
from store_making import CONSUMER_HEADER as HEADER

from headend.notify.manners import Manners
from headend.notify.model import ChannelKind, NoticeKind, Route
from headend.notify.outgoing import Away, DeliveryState, Lane, Later, Receipt, ReceiptState, Refused, Taken
from headend.storage.errors import UnknownDelivery

SMS = Lane("sms", ChannelKind.SMS, look_s=60.0)
MANNERS = Manners()
ROUTES = (Route("sms", ChannelKind.SMS, "hi"), Route("online", ChannelKind.INBOX, "hi"))


@pytest.fixture
async def queue(store, tmp_path):
    await settle_in(store, tmp_path, count=2)
    return store.deliveries


@pytest.fixture
def tell(store, queue, clock):
    """Writes a notice as a visit does."""

    async def tell(key="n1", kind=NoticeKind.NEGATIVE, number=1, routes=ROUTES, text=None):
        consumer = f"{10_000_000_000 + number}"
        texts = {"hi": text or f"हिन्दी {key}", "en": text or f"English {key}"}
        told = evolve(notice(clock, key, kind, consumer), routes=routes, texts=texts)
        await store.fleet.record_visit(visit(clock, number), lambda view: keep(view, notices=(told,)))

    return tell


async def one(queue, channel="sms"):
    (found,) = await queue.deliveries(channel=channel)
    return found


async def send(queue, outcome, limit=10):
    claimed = await queue.claim(SMS, MANNERS, limit)
    for message in claimed:
        await queue.settle(message, outcome, SMS, MANNERS)
    return claimed


async def test_a_notice_becomes_a_message_on_each_of_its_routes_and_an_online_message(store, queue, tell, clock):
    await tell()
    await tell()  # the same key: written once
    sms = await one(queue)
    assert (sms.consumer_no, sms.kind, sms.language, sms.state) == (CONSUMER, "negative", "hi", DeliveryState.QUEUED)
    assert (await one(queue, "online")).state is DeliveryState.SENT
    (online,) = await store.inbox.messages(CONSUMER)
    assert (online.texts["en"], online.read_at) == ("English n1", None)


async def test_an_online_message_has_arrived_when_it_is_read(store, queue, tell, clock):
    await tell()
    (online,) = await store.inbox.messages(CONSUMER)
    assert not await store.inbox.read("10000000002", online.notice)
    assert (await store.accounts.notices(CONSUMER))[0].delivered_at is None
    read_at = clock.forward(minutes=5)
    assert await store.inbox.read(CONSUMER, online.notice)
    clock.forward(minutes=5)
    assert await store.inbox.read(CONSUMER, online.notice)
    assert (await store.inbox.messages(CONSUMER))[0].read_at == read_at
    assert (await store.accounts.notices(CONSUMER))[0].delivered_at == read_at
    assert (await one(queue, "online")).state is DeliveryState.DELIVERED
    assert (await one(queue)).state is DeliveryState.QUEUED


async def test_a_message_is_claimed_once_and_again_only_when_nobody_settled_it(queue, tell, clock):
    await tell()
    claims = await asyncio.gather(*(queue.claim(SMS, MANNERS, 10) for _ in range(5)))
    (first,) = [message for claim in claims for message in claim]
    assert (first.text, first.address, first.reference) == ("हिन्दी n1", "9000000001", f"headend-sms-{first.delivery}-1")
    clock.forward(minutes=6)
    (second,) = await queue.claim(SMS, MANNERS, 10)
    assert (second.attempt, second.reference) == (2, first.reference)
    await queue.settle(first, Taken("late"), SMS, MANNERS)
    assert (await one(queue)).state is DeliveryState.QUEUED  # the second attempt holds it now
    await queue.settle(second, Taken("id-1"), SMS, MANNERS)
    assert (await one(queue)).provider_id == "id-1"


async def test_a_receipt_makes_the_notice_delivered_so_that_a_cut_may_rest_on_it(store, queue, tell, clock):
    await store.accounts.book(_energy(clock))
    await tell()
    await send(queue, Taken("id-1"))
    assert (await one(queue)).state is DeliveryState.SENT
    assert (await store.accounts.view(CONSUMER, clock.now)).facts.notice_delivered_at is None
    at = clock.forward(minutes=1)
    assert await queue.unconfirmed(SMS, MANNERS, 10) == ["id-1"]
    assert await queue.unconfirmed(SMS, MANNERS, 10) == []  # asked again later
    assert await queue.receipt("sms", Receipt("id-1", ReceiptState.PENDING), MANNERS)
    assert (await one(queue)).state is DeliveryState.SENT
    assert await queue.receipt("sms", Receipt("id-1", ReceiptState.DELIVERED), MANNERS)
    assert (await one(queue)).state is DeliveryState.DELIVERED
    assert (await store.accounts.view(CONSUMER, clock.now)).facts.notice_delivered_at == at
    assert len(await events_of(store, "notice.delivered")) == 1
    assert await queue.receipt("sms", Receipt("id-1", ReceiptState.DELIVERED), MANNERS)
    assert await queue.receipt("sms", Receipt("id-1", ReceiptState.FAILED, "expired"), MANNERS)
    assert (await one(queue)).state is DeliveryState.DELIVERED
    assert len(await events_of(store, "notice.delivered")) == 1
    assert not await queue.receipt("sms", Receipt("id-2", ReceiptState.DELIVERED), MANNERS)
    assert not await queue.receipt("other", Receipt("id-1", ReceiptState.DELIVERED), MANNERS)


def _energy(clock):
    from store_making import energy

    return energy(clock, -200_00, "0..1")


async def test_a_failed_attempt_is_repeated_with_growing_pauses_and_then_given_up(store, queue, tell, clock):
    await tell()
    for attempt, pause in ((1, 30), (2, 60), (3, 120), (4, 240)):
        (message,) = await send(queue, Later("throttled"))
        assert message.attempt == attempt
        assert (await one(queue)).next_try == clock.now + timedelta(seconds=pause)
        assert await queue.claim(SMS, MANNERS, 10) == []
        clock.forward(seconds=pause)
    await send(queue, Later("throttled"))
    failed = await one(queue)
    assert (failed.state, failed.next_try) == (DeliveryState.FAILED, None)
    assert failed.error == "given up after 5 attempts: throttled"
    (event,) = await events_of(store, "notice.failed")
    assert "throttled" in event.payload
    assert await store.contacts.without_number() == []  # no fault of the number


async def test_while_the_provider_is_away_no_attempt_is_used_up(queue, tell):
    await tell()
    for _ in range(20):
        await send(queue, Away("connection refused"))
    waiting = await one(queue)
    assert (waiting.state, waiting.attempts, waiting.error) == (DeliveryState.QUEUED, 0, "connection refused")
    await send(queue, Taken("id"))
    assert (await one(queue)).state is DeliveryState.SENT


async def test_what_did_not_arrive_is_sent_again_and_then_counts_against_the_number(store, queue, tell, clock):
    await tell()
    manners = evolve(MANNERS, valid_for=timedelta(days=9), quiet=None, undelivered_after=1)
    references = set()
    for turn in range(3):
        (message,) = await queue.claim(SMS, manners, 10)
        references.add(message.reference)
        await queue.settle(message, Taken(f"id-{turn}"), SMS, manners)
        await queue.receipt("sms", Receipt(f"id-{turn}", ReceiptState.FAILED, "absent subscriber"), manners)
        clock.forward(hours=6)
    assert len(references) == 3
    failed = await one(queue)
    assert (failed.state, failed.sends) == (DeliveryState.FAILED, 3)
    assert "absent subscriber" in failed.error
    (listed,) = await store.contacts.without_number()
    assert (listed.consumer_no, listed.undelivered) == (CONSUMER, 1)
    assert len(await events_of(store, "consumer.unreachable")) == 1
    # A receipt of an earlier send that comes after all is the truth.
    await queue.receipt("sms", Receipt("id-0", ReceiptState.DELIVERED), manners)
    assert (await one(queue)).state is DeliveryState.DELIVERED
    assert await store.contacts.without_number() == []


async def test_a_receipt_that_never_comes_is_as_good_as_none(queue, tell, clock):
    await tell()
    await send(queue, Taken("id-1"))
    clock.forward(hours=12, seconds=1)
    assert await queue.unconfirmed(SMS, MANNERS, 10) == []
    again = await one(queue)
    assert (again.state, again.sends, again.error) == (DeliveryState.QUEUED, 1, "no receipt came")
    assert again.next_try == clock.now + timedelta(hours=6)


async def test_a_repeat_that_comes_too_late_has_failed(queue, tell, clock):
    await tell()
    await send(queue, Taken("id-1"))
    await queue.receipt("sms", Receipt("id-1", ReceiptState.FAILED), MANNERS)
    clock.forward(hours=25)
    assert await queue.claim(SMS, MANNERS, 10) == []
    assert (await one(queue)).state is DeliveryState.FAILED


async def test_numbers_that_do_not_exist_are_listed_after_some_messages_and_a_new_number_starts_anew(
    store, queue, tell, clock, tmp_path
):
    for turn in range(3):
        await tell(f"n{turn}", NoticeKind.RECHARGED)
        await send(queue, Refused("no such number", bad_address=True))
        assert len(await store.contacts.without_number()) == (turn == 2)
    await tell("n4", NoticeKind.RECHARGED)
    await send(queue, Refused("no such number", bad_address=True))
    assert len(await events_of(store, "consumer.unreachable")) == 1
    line = consumer_line(1)
    line[HEADER.index("mobile")] = "9111111111"
    await store.registry.import_consumers(write_csv(tmp_path / "c.csv", HEADER, [line]))
    assert await store.contacts.without_number() == []


async def test_consumers_without_a_number_are_listed_for_their_office_and_those_above(store, queue, tmp_path):
    lines = [consumer_line(1), consumer_line(2, office="Ranchi/Ranchi West/Ratu")]
    lines[1][HEADER.index("mobile")] = ""
    await store.registry.import_consumers(write_csv(tmp_path / "c.csv", HEADER, lines))
    for office, count in {"": 1, "Ranchi": 1, "Ranchi/Ranchi West": 1, "Ranchi/Ranchi East": 0, "Ran": 0}.items():
        assert len(await store.contacts.without_number(office)) == count
    assert await store.contacts.without_number(after="10000000002") == []


async def test_only_so_many_go_to_a_consumer_a_day_even_when_claimed_together(queue, tell, clock):
    kinds = (NoticeKind.NEGATIVE, NoticeKind.CUT_PLANNED)
    manners = evolve(MANNERS, per_day=2)
    for number, kind in enumerate((*kinds, NoticeKind.RECHARGED)):
        await tell(f"n{number}", kind, number=2)
    await tell("low", NoticeKind.LOW_BALANCE)
    await tell("neg", NoticeKind.NEGATIVE)
    await tell("cut", NoticeKind.CUT_PLANNED)
    claimed = await queue.claim(SMS, evolve(manners, per_day=1), 10)
    # Of the first consumer the low balance is overtaken and one of two goes out; the second has paid meanwhile.
    assert [message.key for message in claimed] == ["n2", "neg"]
    states = {each.state for each in await queue.deliveries(channel="sms", consumer_no="10000000002")}
    assert states == {DeliveryState.SUPPRESSED, DeliveryState.QUEUED}


async def test_a_channel_has_so_many_attempts_a_day(queue, tell, clock):
    lane = evolve(SMS, a_day=3)
    for number in (1, 2):
        for turn in range(3):
            await tell(f"n{number}{turn}", NoticeKind.RECHARGED, number=number)
    assert len(await queue.claim(lane, MANNERS, 2)) == 2
    assert len(await queue.claim(lane, MANNERS, 10)) == 1
    assert await queue.claim(lane, MANNERS, 10) == []
    assert await queue.attempts_today("sms") == 3
    clock.forward(hours=20)
    assert len(await queue.claim(lane, MANNERS, 10)) == 3


async def test_a_message_that_failed_can_be_queued_again_by_hand(store, queue, tell):
    await tell()
    (message,) = await send(queue, Refused("template not known"))
    assert (await queue.delivery(message.delivery)).state is DeliveryState.FAILED
    assert (await queue.retry(message.delivery, "officer-1")).state is DeliveryState.QUEUED
    await send(queue, Taken("id-1"))
    assert (await queue.retry(message.delivery, "officer-1")).state is DeliveryState.SENT  # nothing to repeat
    assert len(await events_of(store, "notice.retried")) == 1
    with pytest.raises(UnknownDelivery):
        await queue.retry(999, "officer-1")


async def test_a_message_for_another_address_goes_there_and_says_nothing_about_the_number(store, queue, tell):
    await tell(routes=(Route("sms", ChannelKind.SMS, "hi", "9222222222"),))
    (message,) = await queue.claim(SMS, MANNERS, 10)
    assert message.address == "9222222222"
    await queue.settle(message, Refused("gone", bad_address=True), SMS, evolve(MANNERS, undelivered_after=1))
    assert await store.contacts.without_number() == []


async def test_an_email_goes_to_the_address_that_was_noted(store, queue, tell, clock):
    lane = Lane("mail", ChannelKind.EMAIL)
    await store.contacts.set_email(CONSUMER, "consumer@example.org", "officer-1")
    await tell(routes=(Route("mail", ChannelKind.EMAIL, "en"),))
    (message,) = await queue.claim(lane, MANNERS, 10)
    assert (message.address, message.text) == ("consumer@example.org", "English n1")
    await queue.settle(message, Taken(None), lane, MANNERS)
    assert (await one(queue, "mail")).next_try is None


async def test_lists_are_by_consumer_office_state_and_channel(queue, tell):
    await tell("a", number=1)
    await tell("b", number=2)
    assert len(await queue.deliveries()) == 4
    assert len(await queue.deliveries(consumer_no=CONSUMER)) == 2
    assert len(await queue.deliveries(office="Ranchi", state=DeliveryState.QUEUED)) == 2
    assert await queue.deliveries(office="Ranchi/Ranchi East/Kok") == []
    assert len(await queue.deliveries(limit=1)) == 1
    assert await queue.counts() == [("online", "sent", 2), ("sms", "queued", 2)]


async def test_a_provider_that_is_away_is_told(store, queue):
    await queue.channel_changed("sms", away=True, reason="refused")
    await queue.channel_changed("sms", away=False, reason="")
    assert len(await events_of(store, "channel.away")) == len(await events_of(store, "channel.back")) == 1
