"""A CSV file to be imported: its cells with their line, and everything that is wrong with it as a file."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from attrs import define, field, frozen

from headend.storage.errors import ImportRefused, Problem

if TYPE_CHECKING:
    import _csv

T = TypeVar("T")

#: A file with more problems than this is the wrong file; reading on would only cost memory.
_MOST_PROBLEMS: Final = 10_000


@frozen
class Line:
    """One record: its line in the file and its cells by column, stripped of surrounding blanks."""

    number: int
    cells: dict[str, str]


@define
class Cells:
    """Takes the cells of a line one by one and collects what is wrong with them."""

    line: Line
    problems: list[Problem]
    failed: bool = field(default=False, init=False)

    def take(self, column: str, parse: Callable[[str], T], fallback: T) -> T:
        """The parsed cell; a ValueError of `parse` becomes a problem, and `fallback` stands in."""
        try:
            return parse(self.line.cells.get(column, ""))
        except ValueError as error:
            self.refuse(column, str(error))
            return fallback

    def refuse(self, column: str, reason: str) -> None:
        """Note a problem of this line."""
        self.failed = True
        self.problems.append(Problem(self.line.number, column, reason))


def read_lines(
    file: Path, columns: Sequence[str], problems: list[Problem], optional: Sequence[str] = ()
) -> Iterator[Line]:
    """The records of a file whose header names `columns`, and any of `optional`, in any order, one after another.

    A column that is left out has no cells. Raises ImportRefused if unreadable.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            yield from _records(csv.reader(stream, strict=True), str(file), (columns, optional), problems)
    except OSError as error:
        raise ImportRefused(str(file), (Problem(0, "", f"the file can't be read: {error.strerror}"),)) from error
    except UnicodeDecodeError as error:
        raise ImportRefused(str(file), (Problem(0, "", f"the file is not in UTF-8 (octet {error.start})"),)) from error


def _records(
    reader: "_csv.Reader", file: str, columns: tuple[Sequence[str], Sequence[str]], problems: list[Problem]
) -> Iterator[Line]:
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(file, header, *columns)
        for cells in reader:
            if len(problems) > _MOST_PROBLEMS:
                break
            if any(map(str.strip, cells)) and (line := _line(reader.line_num, header, cells, problems)) is not None:
                yield line
    except csv.Error as error:
        problems.append(Problem(reader.line_num, "", f"not a CSV line: {error}"))


def _check_header(file: str, header: list[str], columns: Sequence[str], optional: Sequence[str]) -> None:
    problems = [Problem(1, name, "missing column") for name in columns if name not in header]
    problems += [Problem(1, name, "unknown column") for name in header if name not in (*columns, *optional)]
    problems += [Problem(1, name, "stands twice") for name in sorted(set(header)) if header.count(name) > 1]
    if problems:
        more = f", and may have {','.join(optional)}" if optional else ""
        expected = Problem(1, "", f"the header must be {','.join(columns)}{more}")
        raise ImportRefused(file, (*problems, expected))


def _line(number: int, header: list[str], cells: list[str], problems: list[Problem]) -> Line | None:
    if len(cells) != len(header):
        problems.append(Problem(number, "", f"has {len(cells)} cells, the header has {len(header)}"))
        return None
    line = Line(number, dict(zip(header, map(str.strip, cells), strict=True)))
    # Of a file without any hostile cell, which is nearly every one, each line is looked at once as a whole.
    if "".join(line.cells.values()).isprintable():
        return line
    hostile = [name for name, cell in line.cells.items() if not cell.isprintable()]
    problems.extend(Problem(number, name, "holds a control character") for name in hostile)
    return None
