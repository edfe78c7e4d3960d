"""A number is changed with a code that reached it: a few tries, a short time, and nothing kept that gives it away."""

from datetime import timedelta

import pytest
from attrs import evolve
from store_making import CONSUMER, events_of, notice, settle_in

from headend.notify.model import ChannelKind, NoticeKind, Route
from headend.storage.errors import UnknownConsumer
from headend.storage.numbers import NumberRefused, masked, ten_digits

NEW = "9876543210"


@pytest.fixture
async def numbers(store, tmp_path):
    await settle_in(store, tmp_path, count=2)
    return store.numbers


@pytest.fixture
def ask(numbers):
    async def ask(mobile=NEW, consumer_no=CONSUMER, tries=3):
        return await numbers.ask(consumer_no, mobile, by="counter-4", valid_for=timedelta(minutes=10), tries=tries)

    return ask


async def confirm(numbers, code, told=None):
    return await numbers.confirm(CONSUMER, code, by="counter-4", notice=told)


def wrong(code):
    return f"{(int(code.code) + 1) % 1_000_000:06}"


async def mobile(store):
    return (await store.accounts.account(CONSUMER)).mobile


async def test_the_right_code_changes_the_number_and_tells_the_old_one(store, numbers, ask, clock):
    code = await ask("+91 98765-43210")
    assert (code.mobile, len(code.code), code.code.isdecimal()) == (NEW, 6, True)
    assert await mobile(store) == "9000000001"
    assert await numbers.pending(CONSUMER) == NEW
    told = notice(clock, "number_changed:1", NoticeKind.NUMBER_CHANGED)
    routed = evolve(told, routes=(Route("sms", ChannelKind.SMS, "hi", "9000000001"),))
    assert await confirm(numbers, f" {code.code} ", routed) == NEW
    assert await mobile(store) == NEW
    assert await numbers.pending(CONSUMER) is None
    (queued,) = await store.deliveries.deliveries()
    assert queued.kind == "number_changed"
    (changed,) = await events_of(store, "consumer.number_changed")
    assert '"before":"XXXXXX0001"' in changed.payload
    assert NEW not in changed.payload
    with pytest.raises(NumberRefused):
        await confirm(numbers, code.code)


async def test_the_code_is_nowhere_kept_or_shown(store, ask):
    code = await ask()
    assert code.code not in repr(code)
    rows = await store._writer.run(lambda made: made.execute("SELECT * FROM number_changes").fetchall())
    assert code.code not in repr(rows)
    for event in await store.events.events(0, 1000):
        assert code.code not in event.payload
        assert NEW not in event.payload


async def test_a_wrong_code_is_counted_and_the_last_try_ends_it(store, numbers, ask):
    code = await ask()
    for left in (2, 1, 0):
        with pytest.raises(NumberRefused, match=f"{left} tries"):
            await confirm(numbers, wrong(code))
    with pytest.raises(NumberRefused, match="new one"):
        await confirm(numbers, code.code)
    assert await mobile(store) == "9000000001"
    assert len(await events_of(store, "consumer.number_code_wrong")) == 3


async def test_a_code_is_good_for_a_short_time(store, numbers, ask, clock):
    code = await ask()
    clock.forward(minutes=10, seconds=1)
    with pytest.raises(NumberRefused, match="too old"):
        await confirm(numbers, code.code)
    assert await mobile(store) == "9000000001"


async def test_a_new_code_ends_the_one_before(numbers, ask):
    first, second = await ask(), await ask("9876543211")
    with pytest.raises(NumberRefused):
        await confirm(numbers, first.code if first.code != second.code else wrong(second))
    assert await confirm(numbers, second.code) == "9876543211"


async def test_nobody_is_pestered_with_codes(numbers, ask, clock):
    for _ in range(3):
        await ask()
    with pytest.raises(NumberRefused, match="within an hour"):
        await ask("9876543219")
    with pytest.raises(NumberRefused, match="within an hour"):
        await ask(consumer_no="10000000002")
    clock.forward(hours=1)
    await ask()


async def test_a_code_that_was_not_sent_is_withdrawn(numbers, ask):
    code = await ask()
    await numbers.withdraw(code, "counter-4")
    with pytest.raises(NumberRefused):
        await confirm(numbers, code.code)


@pytest.mark.parametrize("text", ["", "12345", "1234567890", "98765432100", "९८७६५४३२१०", "+1 9876543210"])
async def test_what_is_no_mobile_number_is_refused(ask, text):
    with pytest.raises(NumberRefused, match="10 digits"):
        await ask(text)


async def test_the_present_number_and_an_unknown_consumer_are_refused(numbers, ask):
    with pytest.raises(NumberRefused, match="already"):
        await ask("9000000001")
    with pytest.raises(UnknownConsumer):
        await ask(consumer_no="99999999999")
    with pytest.raises(NumberRefused, match="no code is open"):
        await confirm(numbers, "123456")


def test_numbers_are_shown_by_their_last_digits():
    assert (masked(NEW), masked(None)) == ("XXXXXX3210", "")
    assert ten_digits("+919876543210") == NEW
