from datetime import UTC, datetime

import pytest
from judged_account import view

from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.prepaid.decision import Keep, Reason
from headend.prepaid.model import BalanceSource
from headend.scheduler.mirror import Mirror
from headend.scheduler.ports import Judgement

PAID = datetime(2026, 3, 1, tzinfo=UTC)


class Display:
    meter = Meter("X1", "LDN", "model", "tcp://x:1")

    def __init__(self, *, refuses=False):
        self.written, self.refuses = [], refuses

    async def write_balance(self, paise):
        if self.refuses:
            raise HeadendError("read only")
        self.written.append(paise)

    async def write_recharge(self, paise, moment):
        self.written.append((paise, moment))


def judged(**changes):
    return Judgement((), None, Keep(Reason.IN_CREDIT, view(**changes).facts), (), None)


async def show(display, judgement, shown, newest=(200_00, PAID)):
    async def last_recharge(consumer_no):
        assert consumer_no == "10000000001"
        return newest

    await Mirror(last_recharge).show(display, judgement, shown)
    return display.written


@pytest.mark.parametrize(
    ("balance", "shown", "written"),
    [
        (150_00, 149_01, []),
        (150_00, 149_00, [150_00, (200_00, PAID)]),
        (149_00, 150_00, [149_00]),
        (None, 150_00, []),
        (150_00, None, []),
    ],
)
async def test_a_display_that_is_off_is_written_and_a_risen_balance_shows_its_recharge(balance, shown, written):
    assert await show(Display(), judged(balance=balance), shown) == written


async def test_an_account_that_the_meter_keeps_is_not_touched():
    assert await show(Display(), judged(balance=500, balance_source=BalanceSource.METER), 0) == []


async def test_without_a_recharge_only_the_balance_is_shown():
    assert await show(Display(), judged(balance=500), 0, None) == [500]


async def test_a_meter_that_refuses_is_let_be():
    assert await show(Display(refuses=True), judged(balance=500), 0) == []
