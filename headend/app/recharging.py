"""A recharge as every door books it: cash desk, payment gateway, portal. Supply returns in the same transaction."""

from datetime import datetime

from headend.app.wiring import Headend
from headend.errors import HeadendError
from headend.prepaid.money import format_rupees
from headend.scheduler.judge import judge_recharge
from headend.storage.accounts import RechargeResult


class BelowMinimum(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """The recharge is less than the policy's `min_recharge`; nothing was booked."""

    exit_code = 4


async def book_recharge(
    headend: Headend,
    consumer_no: str,
    amount: int,
    payment_id: str,
    source: str,
    *,
    at: datetime | None = None,
    any_amount: bool = False,
) -> RechargeResult:
    """Book `amount` paise once by `payment_id`; a reconnect that follows is journalled with it.

    Raises BelowMinimum (unless `any_amount`), and PaymentInvalid, PaymentConflict, UnknownConsumer of the store. A
    payment that is booked already is told as repeated, whatever the minimum is by now.
    """
    least = headend.setup.policy.min_recharge or 0
    accounts = headend.store.accounts
    if 0 < amount < least and not any_amount and not await accounts.is_booked(payment_id):
        raise BelowMinimum(
            f"a recharge is at least {format_rupees(least)}, not {format_rupees(amount)}; nothing was booked"
        )
    judge = judge_recharge(headend.setup.rules(), payment_id, amount)
    return await accounts.recharge(consumer_no, amount, payment_id, at or headend.clock.now(), source, judge)
