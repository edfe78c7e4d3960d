"""How a command runs: configuration, event loop, logs on stderr."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

import click

from headend.settings import LogSection, load_settings

if TYPE_CHECKING:
    from headend.app import Headend
    from headend.commands.officers import Deed
    from headend.storage.store import Store

T = TypeVar("T")

#: The clock that people of the utility look at.
_INDIA = ZoneInfo("Asia/Kolkata")


def with_store(
    config: str | None, work: Callable[["Store"], Awaitable[T]], act: AbstractContextManager[None] | None = None
) -> T:
    """Run `work` on the store of the configuration, without keys. The store itself logs nothing.

    `act` is what it does, as `acting_by_hand` makes it, for the audit; without one, work that changes anything is
    refused as a defect.
    """
    from headend.app import open_store
    from headend.storage.audit import looking

    settings = load_settings(config)

    async def run() -> T:
        async with open_store(settings) as store:
            with act or looking():
                return await work(store)

    return asyncio.run(run())


def with_headend(
    config: str | None, work: Callable[["Headend"], Awaitable[T]], act: AbstractContextManager[None] | None = None
) -> T:
    """Run `work` on the store with keys and rules, able to visit meters; `act` as in `with_store`."""
    from headend.app import open_headend
    from headend.storage.audit import looking

    settings = load_settings(config)
    set_up_logs(LogSection(level="warning", format=settings.document.log.format))

    async def run() -> T:
        async with open_headend(settings) as headend:
            with act or looking():
                return await work(headend)

    return asyncio.run(run())


def set_up_logs(log: LogSection) -> None:
    """Logs to stderr, so that stdout holds results alone; structured, for people or for machines."""
    import logging
    import sys

    import structlog

    machine = log.format == "json"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Local variables of a traceback may hold keys: frames are shown without them.
            structlog.processors.ExceptionRenderer(),
            structlog.processors.JSONRenderer()
            if machine
            else structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, log.level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def person() -> str:
    """Who is at the keyboard, for journal and audit."""
    try:
        return getuser()
    except (KeyError, OSError):
        return "unknown user"


def deed_by_hand(action: str, subject: object = "", office: str = "", *, of: str = "", **detail: object) -> "Deed":
    """What is done at the command line, by whom. A detail that is None or empty is left out; `of` as in Deed."""
    from headend.commands.officers import Deed

    told = {name: value for name, value in detail.items() if value not in (None, "", False, ())}
    return Deed(datetime.now(UTC), person(), "cli", action, str(subject), office.strip("/"), told, of)


def acting_by_hand(
    action: str, subject: object = "", office: str = "", *, of: str = "", **detail: object
) -> AbstractContextManager[None]:
    """The audit of a deed at the command line: the next change within the block carries its row."""
    from headend.storage.audit import acting

    return acting(deed_by_hand(action, subject, office, of=of, **detail))


def aside() -> AbstractContextManager[None]:
    """For work that writes but changes nothing that anybody answers for: a trial that is taken back, a list shown."""
    return nullcontext()


class Moment(click.ParamType[datetime]):
    """A point in time: ISO 8601; without a zone it is Indian time, in which times are shown too."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """An aware UTC time."""
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-11-24 or 2026-11-24T18:30:00+05:30", param, ctx)
        return (found.replace(tzinfo=_INDIA) if found.tzinfo is None else found).astimezone(UTC)
