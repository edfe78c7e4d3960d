"""Every account is judged within a day, whether its meter was visited or not.

A visit judges the account of its meter. Who is not visited, because the meter does not answer or there is none, is
judged here: notices that are due go out, instalments that fell due are booked, supply that is paid for returns. Nobody
is cut by it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog
from attrs import define, field

from headend.errors import HeadendError
from headend.prepaid.durations import duration
from headend.scheduler.judge import judge_standing
from headend.settings import Settings, SettingsError

if TYPE_CHECKING:
    from headend.app.wiring import Headend

#: How often a daemon looks through the accounts within the span, and how long it leaves the writer to others meanwhile.
_LOOKS: Final = 8
_SHORTEST_S: Final = 60.0
_REST_S: Final = 0.05

_log = structlog.get_logger()


@define
class Swept:
    """How many accounts were judged, by verdict, and how many were left since that was done lately."""

    judged: Counter[str] = field(factory=Counter)
    left: int = 0


def read_judge_within(settings: Settings) -> timedelta | None:
    """`policy.judge_within`, None for never; raises SettingsError naming the key."""
    text = settings.document.policy.judge_within
    if not text:
        return None
    try:
        span = duration(text)
    except ValueError as error:
        raise SettingsError(f"{settings.source}: policy.judge_within: {error}") from error
    if span < timedelta(hours=1):
        raise SettingsError(f"{settings.source}: policy.judge_within: {text} is too short; write at least 1h")
    return span


async def sweep(
    headend: "Headend",
    judged_before: datetime | None = None,
    told: Callable[[Swept], None] = lambda _: None,
    rest_s: float = 0.0,
) -> Swept:
    """Judge all accounts, or those of which no decision was made since `judged_before`; `told` hears how far it is."""
    found = Swept()
    after: str | None = ""
    judge = judge_standing(headend.setup.rules())
    while after is not None:
        some = await headend.store.sweeps.sweep(judge, after, judged_before=judged_before)
        found.judged.update(some.judged)
        found.left += some.left
        after = some.after
        told(found)
        await asyncio.sleep(rest_s)
    return found


@asynccontextmanager
async def sweeping(headend: "Headend") -> AsyncIterator[None]:
    """Accounts that nobody visits are judged while the block runs, as `policy.judge_within` says."""
    task = asyncio.create_task(_sweep_on(headend), name="accounts judged")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _sweep_on(headend: "Headend") -> None:
    while True:
        # Looked up each time: a reload may have changed it.
        within = headend.setup.judge_within
        pause_s = _SHORTEST_S if within is None else max(_SHORTEST_S, within.total_seconds() / _LOOKS)
        await asyncio.sleep(pause_s)
        if within is None:
            continue
        try:
            found = await sweep(headend, headend.clock.now() - within, rest_s=_REST_S)
        except HeadendError as error:
            _log.error("accounts could not be judged", error=str(error))
        else:
            _log.info("accounts judged without a visit", left=found.left, **found.judged)
