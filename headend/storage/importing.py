"""What both imports share: the report, the cells that mean the same in both files, and all or nothing."""

import contextlib
import re
from collections.abc import Callable
from typing import Final, TypeVar

from attrs import define

from headend.storage.errors import ImportRefused, Problem
from headend.storage.sqlite import Connection
from headend.storage.writer import Writer

T = TypeVar("T")

#: Told lines that are written and lines in all, in the writer's thread.
Progress = Callable[[int, int], None]

_CONSUMER_NO: Final = re.compile(r"[0-9]{11}")
_SERIAL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,31}")
_LONGEST_TEXT: Final = 200


@define
class ImportReport:
    """What an import did, or would do (`dry_run`): lines that were new, changed something, or said what is known."""

    file: str
    dry_run: bool
    added: int = 0
    changed: int = 0
    unchanged: int = 0


def silent(done: int, total: int) -> None:
    """Tells nobody."""


class _DryRunEnds(Exception):  # noqa: N818  not an error: it only rolls the transaction back
    """Ends the transaction of a dry run."""


async def run_import(
    writer: Writer,
    report: ImportReport,
    problems: list[Problem],
    write: Callable[[Connection], None],
) -> ImportReport:
    """Run `write`, which may add to `problems`, as one unit; problems raise ImportRefused and keep nothing.

    Where another unit of the same transaction fails, `write` is run anew, with `report` and `problems` as they were.
    """
    found = tuple(problems)

    def unit(connection: Connection) -> None:
        problems[:] = found
        report.added = report.changed = report.unchanged = 0
        write(connection)
        if problems:
            raise ImportRefused(
                report.file, tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
            )
        if report.dry_run:
            raise _DryRunEnds

    with contextlib.suppress(_DryRunEnds):
        # A savepoint keeps a copy of every page that a statement touches, which for a large file is most of the work. A
        # dry run is rolled back in any case, so it takes one and is not run twice.
        await writer.run(unit, calm=not report.dry_run)
    return report


def consumer_no(text: str) -> str:
    """A consumer number: exactly 11 digits."""
    if not _CONSUMER_NO.fullmatch(text):
        raise ValueError(f"{text!r} is not a consumer number; it has exactly 11 digits")
    return text


def serial(text: str) -> str:
    """A meter's serial number."""
    if not _SERIAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a serial number; it has up to 32 letters, digits, . _ / -")
    return text


def required(text: str) -> str:
    """A text that must be there."""
    if not text:
        raise ValueError("is empty")
    return optional(text)


def optional(text: str) -> str:
    """A text that may be empty."""
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"is longer than {_LONGEST_TEXT} characters")
    return text


def office(text: str) -> str:
    """An office as a path, circle/division/sub-division."""
    path = "/".join(part.strip() for part in text.split("/"))
    if path and "" in path.split("/"):
        raise ValueError(f"{text!r} is not an office; write circle/division/sub-division")
    return optional(path)


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser for a closed set of words."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return parse


def or_none(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """A parser that takes an empty cell for None."""
    return lambda text: parse(text) if text else None
