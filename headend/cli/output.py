"""What commands print: results on stdout (a table, or JSON with --json), everything else on stderr."""

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeVar

import attrs
import click

from headend.errors import HeadendError

F = TypeVar("F", bound=Callable[..., Any])

#: Columns where nobody looks on: lines stay whole for other programs.
_UNBROKEN: Final = 10_000

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, for machines.")


def config_option(function: F) -> F:
    """The --config option that every command with a database has."""
    option = click.option(
        "--config",
        "config",
        envvar="HEADEND_CONFIG",
        type=click.Path(dir_okay=False),
        help="Configuration file.  [default: config/headend.toml, or $HEADEND_CONFIG]",
    )
    return option(function)


def emit_json(value: object) -> None:
    """One JSON document on one line of stdout."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(plain(value)).decode() + "\n")
    sys.stdout.flush()


def plain(value: Any) -> Any:  # noqa: ANN401, PLR0911  any value of this house, one line a kind
    """A value as JSON shows it: attrs classes as objects, times as ISO 8601, decimals as strings, octets as hex."""
    match value:
        case Enum():
            return value.value
        case bytes() | bytearray():
            return value.hex()
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.isoformat()
        case dict():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case _ if attrs.has(type(value)):
            return {field.name: plain(getattr(value, field.name)) for field in attrs.fields(type(value)) if field.repr}
        case _:
            return value


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table for a person; cells are shown as they are, never read as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    sheet = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        sheet.add_column(column, overflow="fold")  # a cell may take lines, but nothing of it is left out
    for row in rows:
        sheet.add_row(*(Text(shown(cell)) for cell in row))
    if sys.stdout.isatty():
        Console().print(sheet)
        return
    console = Console(width=_UNBROKEN, file=io.StringIO())
    with console.capture() as written:
        console.print(sheet)
    click.echo("\n".join(line.rstrip() for line in written.get().splitlines()))


def shown(cell: object) -> str:
    """One value as a person reads it: Indian time without fractions, an empty cell for None."""
    match cell:
        case None:
            return ""
        case datetime():
            return f"{in_india(cell):%Y-%m-%d %H:%M:%S} IST"
        case Enum():
            return str(cell.value)
        case Decimal():
            return f"{cell:f}"
        case _:
            return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(cell))


def in_india(at: datetime) -> datetime:
    """A moment by the clock that people of the utility look at, whatever zone this machine has."""
    from zoneinfo import ZoneInfo

    return at.astimezone(ZoneInfo("Asia/Kolkata"))


def say(text: str) -> None:
    """A line for the person at the terminal, on stderr."""
    click.echo(text, err=True)


def fail(error: HeadendError) -> int:
    """Show an error and give its exit code; with --json on the command line, as an object on stdout too."""
    if "--json" in sys.argv:
        emit_json({"error": str(error), "exit_code": error.exit_code})
    say(f"error: {error}")
    return error.exit_code
