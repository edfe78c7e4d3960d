"""Receipts that a gateway calls back with: taken with the right token only, and the same answer to every stranger."""

import pytest

from headend.app import open_headend
from headend.app.delivering import delivering, take_receipt
from headend.notify.outgoing import Taken
from headend.settings import load_settings

CONFIG = """
[keys]
[[channels]]
kind = "inbox"
name = "online"
[[channels]]
kind = "sms"
name = "sms"
url = "http://127.0.0.1:9/send"
secret_env = "SMS_TOKEN"
receipts = { id = "msgid", state = "stat", delivered = ["DELIVRD"] }
"""


@pytest.fixture
async def headend(tmp_path, monkeypatch):
    monkeypatch.setenv("SMS_TOKEN", "t0ken")
    (tmp_path / "headend.toml").write_text(CONFIG)
    async with open_headend(load_settings(str(tmp_path / "headend.toml"), {})) as opened:
        yield opened


@pytest.mark.parametrize(
    ("channel", "fields", "token"),
    [
        ("sms", {"msgid": "id-1", "stat": "DELIVRD"}, "wrong"),
        ("sms", {"msgid": "id-1", "stat": "DELIVRD"}, ""),
        ("sms", {"stat": "DELIVRD"}, "t0ken"),
        ("sms", {"msgid": "id-1", "stat": "DELIVRD"}, "t0ken"),  # no such message
        ("online", {"msgid": "id-1", "stat": "DELIVRD"}, "t0ken"),
        ("nobody", {"msgid": "id-1", "stat": "DELIVRD"}, "t0ken"),
    ],
)
async def test_a_call_that_proves_nothing_is_refused(headend, channel, fields, token):
    assert not await take_receipt(headend, channel, fields, token)


async def test_a_receipt_with_the_token_marks_the_message_delivered(headend, tmp_path):
    consumers = tmp_path / "consumers.csv"
    consumers.write_text(
        "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance\n"
        "10000000001,Consumer 00001,hi,9000000001,domestic,Ranchi,default,,ledger,,100.00\n"
    )
    store = headend.store
    await store.registry.import_consumers(consumers)
    from headend.app import now
    from headend.app.ways import lane_of
    from headend.scheduler.judge import judge_recharge

    judge = judge_recharge(headend.setup.rules(), "P1", 100_00)
    await store.accounts.recharge("10000000001", 100_00, "P1", now(), "desk", judge)
    way = headend.setup.settings.document.channels[1]
    lane, manners = lane_of(headend.setup.settings, way), headend.setup.manners
    (message,) = await store.deliveries.claim(lane, manners, 10)
    await store.deliveries.settle(message, Taken("id-1"), lane, manners)
    assert await take_receipt(headend, "sms", {"msgid": "id-1", "stat": "DELIVRD"}, "t0ken")
    (written,) = await store.accounts.notices("10000000001")
    assert written.delivered_at is not None


async def test_every_channel_but_the_inbox_has_a_courier(headend):
    async with delivering(headend) as couriers:
        assert [courier.lane.name for courier in couriers] == ["sms"]
