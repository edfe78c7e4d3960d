"""What both imports share: the report, the cells that mean the same in both files, and the way into the store."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, Generic, TypeVar

from attrs import define, evolve, frozen

from headend.storage.errors import ImportRefused, Problem
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.writer import Writer

T = TypeVar("T")

#: Lines of one transaction: enough that its own cost does not show, few enough that a recharge does not wait for it.
PIECE: Final = 1000

#: Told lines that are written and lines in all, in any thread.
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


@frozen
class Plan(Generic[T]):
    """What some lines of a file would do to the store as it stands."""

    problems: tuple[Problem, ...]
    new: tuple[T, ...]
    #: Each with what the store holds of it.
    changed: tuple[tuple[T, Any], ...]
    unchanged: int


@frozen
class Steps(Generic[T]):
    """How one kind of file goes in: look at some lines, write what was found, and tell of the whole at its end."""

    plan: Callable[[Connection, Sequence[T]], Plan[T]]
    write: Callable[[Connection, Plan[T]], None]
    finish: Callable[[Connection, ImportReport], None]


@frozen
class Places:
    """Where an import reads and writes."""

    readers: Readers
    writer: Writer


async def run_import(
    places: Places,
    report: ImportReport,
    found: tuple[Sequence[T], list[Problem]],
    steps: Steps[T],
    progress: Progress = silent,
) -> ImportReport:
    """Look at all lines of a file (`found`: lines, problems so far), and write them if not one of them is wrong.

    Raises ImportRefused with every problem; then nothing is written. They go in by pieces, each a transaction of its
    own that looks again: beside an import of a million lines a recharge waits for one piece, not for the file. An
    import that was broken off is done again.
    """
    lines, problems = found
    pieces = [lines[begun : begun + PIECE] for begun in range(0, len(lines), PIECE)]
    examined = await places.readers.run(lambda connection: _examine(connection, pieces, steps, report, progress))
    _refuse(report, [*problems, *examined])
    if report.dry_run:
        return report
    report.added = report.changed = report.unchanged = 0
    for number, piece in enumerate(pieces, 1):
        whole = evolve(report)
        # A savepoint keeps a copy of every page that a statement touches, which would be most of the work.
        plan = await places.writer.run(partial(_write, steps, piece, whole, number == len(pieces)), calm=True)
        _refuse(report, plan.problems, imported=(number - 1) * PIECE)
        _count(report, plan)
        progress((number - 1) * PIECE + len(piece), len(lines))
    return report


def _examine(
    connection: Connection, pieces: Sequence[Sequence[T]], steps: Steps[T], report: ImportReport, progress: Progress
) -> list[Problem]:
    problems: list[Problem] = []
    done, total = 0, sum(map(len, pieces))
    for piece in pieces:
        plan = steps.plan(connection, piece)
        problems += plan.problems
        _count(report, plan)
        done += len(piece)
        if report.dry_run:
            progress(done, total)
    return problems


def _write(
    steps: Steps[T],
    piece: Sequence[T],
    so_far: ImportReport,
    last: bool,  # noqa: FBT001  bound beforehand
    connection: Connection,
) -> Plan[T]:
    plan = steps.plan(connection, piece)
    if not plan.problems:
        steps.write(connection, plan)
        if last:
            whole = evolve(so_far)
            _count(whole, plan)
            steps.finish(connection, whole)
    return plan


def _count(report: ImportReport, plan: Plan[Any]) -> None:
    report.added += len(plan.new)
    report.changed += len(plan.changed)
    report.unchanged += plan.unchanged


def _refuse(report: ImportReport, problems: Sequence[Problem], imported: int = 0) -> None:
    if problems:
        ordered = tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
        raise ImportRefused(report.file, ordered, imported)


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


def twins(column: str, told: Sequence[tuple[str, int]]) -> list[Problem]:
    """A problem for each value, told with its line, that stands in an earlier line already."""
    if len({value for value, _ in told}) == len(told):
        return []  # nearly always, and without a table of a million lines
    first: dict[str, int] = {}
    return [
        Problem(line, column, f"{value} stands in line {begun} already")
        for value, line in told
        if (begun := first.setdefault(value, line)) != line
    ]
