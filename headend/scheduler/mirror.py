"""What the ledger says, on the meter's own display: best effort, after everything that matters is done."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog
from attrs import frozen

from headend.commands.topup import TopUpSession
from headend.errors import HeadendError
from headend.prepaid.model import BalanceSource
from headend.scheduler.ports import Judgement

#: Less than this, in paise, nobody misses on a display, and a SET at every visit is spared.
WORTH_SHOWING: Final = 100

#: The newest recharge of a consumer: paise, and when; None before the first.
LastRecharge = Callable[[str], Awaitable[tuple[int, datetime] | None]]

_log = structlog.get_logger()


@frozen
class Mirror:
    """Writes balance and last recharge of accounts that the ledger keeps to the meter's display objects."""

    last_recharge: LastRecharge

    async def show(self, session: TopUpSession, judgement: Judgement, shown: int | None) -> None:
        """Show the balance where the display, which read `shown` paise, is off; a meter that refuses is let be."""
        facts = judgement.decision.facts
        if facts.account.balance_source is not BalanceSource.LEDGER or facts.balance is None or shown is None:
            return
        if abs(facts.balance - shown) < WORTH_SHOWING:
            return
        try:
            await session.write_balance(facts.balance)
            # Only money makes a balance rise.
            if facts.balance > shown and (newest := await self.last_recharge(facts.account.consumer_no)) is not None:
                await session.write_recharge(*newest)
        except HeadendError as error:
            _log.info("the display was not written", meter=session.meter.serial, error=str(error))
