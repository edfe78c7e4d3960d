"""How long readings are kept, as the configuration says, and the daily round that removes older ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from headend.errors import HeadendError
from headend.meters.registry import ModelRegistry
from headend.prepaid.durations import duration
from headend.settings import Settings, SettingsError
from headend.storage.retention import REGISTERS, Keep

if TYPE_CHECKING:
    from headend.app.wiring import Headend

#: A typing error must not cost data that a dispute over last month's bill needs.
SHORTEST: Final = timedelta(days=30)
#: How often a daemon looks whether a day has passed, and how long it leaves the writer to others after each step, in s.
_LOOK_S: Final = 900.0
_REST_S: Final = 0.1
_DAY: Final = timedelta(days=1)

_log = structlog.get_logger()


def read_retention(settings: Settings, models: ModelRegistry) -> tuple[Keep, ...]:
    """The section [retention], checked. Raises SettingsError naming the key."""
    known = {profile.name for model in models.models.values() for profile in model.profiles} | {REGISTERS}
    return tuple(_keep(settings, known, what, text) for what, text in settings.document.retention.items())


def _keep(settings: Settings, known: set[str], what: str, text: str) -> Keep:
    where = f"{settings.source}: retention.{what}"
    if what not in known:
        raise SettingsError(f"{where}: no meter model has such a profile; known are {', '.join(sorted(known))}")
    try:
        span = duration(text)
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error
    if span < SHORTEST:
        raise SettingsError(f"{where}: {text} is too short; nothing is removed before {SHORTEST.days}d")
    return Keep(what, span)


@asynccontextmanager
async def tidying(headend: "Headend") -> AsyncIterator[None]:
    """Old readings are removed once a day while the block runs, where [retention] says what is old."""
    task = asyncio.create_task(_tidy(headend), name="retention")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _tidy(headend: "Headend") -> None:
    while True:
        try:
            await tidy_when_due(headend)
        except HeadendError as error:
            _log.error("old readings could not be removed", error=str(error))
        await asyncio.sleep(_LOOK_S)


async def tidy_when_due(headend: "Headend", rest_s: float = _REST_S) -> int:
    """Remove what is old if that was not done within a day; how many rows went."""
    keeps, retention = headend.setup.keeps, headend.store.retention
    last = await retention.last_run()
    if not keeps or (last is not None and headend.clock.now() - last < _DAY):
        return 0
    removed = 0
    async for step in retention.remove(keeps):
        removed += step.removed
        if step.removed:
            await asyncio.sleep(rest_s)
    _log.info("old readings removed", rows=removed, kept={each.what: f"{each.span.days}d" for each in keeps})
    return removed
