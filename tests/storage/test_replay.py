from datetime import timedelta

import pytest
from attrs import evolve
from store_making import CONSUMER, clock_reading, reading, relay, settle_in, visit

from headend.notify.texts import default_texts
from headend.prepaid.policy import NoticeRule, Policy
from headend.prepaid.tariff import flat
from headend.scheduler.judge import Rules, judge_visit

POLICY = Policy(grace=timedelta(days=1), notice_rule=NoticeRule.WRITTEN, notice_min_age=timedelta(hours=1))


@pytest.fixture
async def lived(store, tmp_path, clock):
    """Some days of an account that runs into debt, judged at each visit."""
    await settle_in(store, tmp_path, opening="10.00")
    rules = Rules(lambda _: POLICY, lambda _: flat("domestic", 650), default_texts())
    for hour in range(60):
        clock.forward(hours=1)
        record = visit(
            clock,
            readings=(reading(clock, str(1000 + 250 * hour)),),
            relay=relay(clock, connected=True),
            clock=clock_reading(clock),
        )
        await store.fleet.record_visit(record, judge_visit(rules, record))
    return store


async def test_stored_decisions_replay_to_themselves_under_the_same_policy(lived, clock):
    found = await lived.accounts.replay(POLICY, clock.now - timedelta(days=9))
    assert found.rows == []
    assert found.before == found.after
    assert found.decisions == len(await lived.accounts.decisions(CONSUMER)) > 3


async def test_a_later_start_leaves_earlier_decisions_out(lived, clock):
    everything = await lived.accounts.replay(POLICY, clock.now - timedelta(days=9))
    assert (await lived.accounts.replay(POLICY, clock.now + timedelta(seconds=1))).decisions == 0
    assert 0 < (await lived.accounts.replay(POLICY, clock.now)).decisions < everything.decisions


async def test_a_longer_grace_would_have_cut_later(lived, clock):
    kinder = evolve(POLICY, grace=timedelta(days=30))
    found = await lived.accounts.replay(kinder, clock.now - timedelta(days=9))
    assert {row.after_reason for row in found.rows} == {"grace"}
    assert found.spared == {CONSUMER}
