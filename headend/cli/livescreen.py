"""The live table of the demonstration."""

import asyncio
import io
import json
import re
from collections.abc import Callable
from typing import Final, Protocol

from attrs import frozen
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from headend.app import Headend
from headend.cli.output import in_india
from headend.prepaid.money import format_rupees
from headend.storage.board import BoardRow, Counts

#: Meters on a large screen, and on the smallest one; lines around the table and to spare, since terminals disagree on
#: how wide Devanagari is; characters that all columns need; lines that three notices need.
MOST_ROWS = 24
FEWEST_ROWS = 4
AROUND = 6
WIDE = 120
TALL = 36

_FONT_FACES = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
_COLOURS = {"confirmed": "green", "requested": "yellow", "sending": "yellow", "unknown": "red", "rejected": "red"}


class Steps(Protocol):
    """What goes on beside the screen."""

    async def step(self) -> Counts:
        """One step; the fleet in numbers."""
        ...


@frozen
class Screen:
    """A table that follows the database."""

    headend: Headend
    phase: Callable[[], str]

    async def show(self, steps: Steps) -> None:
        """Show the fleet until the task is cancelled."""
        console = Console()
        with Live(console=console, refresh_per_second=4, screen=False) as live:
            while True:
                counts = await steps.step()
                rows = await self.headend.store.board.rows(MOST_ROWS)
                live.update(picture(rows, counts, self.phase(), console.size))
                await asyncio.sleep(0.25)


def picture(rows: list[BoardRow], counts: Counts, phase: str, size: ConsoleDimensions) -> Group:
    """The whole screen, as much of it as fits: meters give way to notices, and some columns to a narrow terminal."""
    title = Text("headend demo  ", style="bold") + Text(phase, style="cyan")
    figures = Text(
        f"{counts.polled} of {counts.meters} meters read · {counts.notices} notices · {counts.disconnected} cut · "
        f"{counts.reconnected} restored · {counts.unknown} unknown · Ctrl-C ends it",
        style="dim",
    )
    notices = latest_notices(rows, 3 if size.height >= TALL else 1)
    lines = sum(1 + cell_len(notice.plain) // size.width for notice in notices)
    room = max(FEWEST_ROWS, size.height - lines - AROUND)
    # Where not all fit, those with something to tell are shown.
    shown = sorted(sorted(rows, key=lambda row: not row.notices)[:room], key=lambda row: row.meter)
    return Group(title, fleet_table(shown, wide=size.width >= WIDE), *notices, figures)


def as_svg(rows: list[BoardRow], counts: Counts, phase: str) -> str:
    """The screen as a picture, with the viewer's own fonts: nothing is fetched to show it."""
    console = Console(record=True, width=132, file=io.StringIO())
    console.print(picture(rows, counts, phase, ConsoleDimensions(132, 1000)))
    return _FONT_FACES.sub("", console.export_svg(title="python3 run.py"))


def fleet_table(rows: list[BoardRow], *, wide: bool) -> Table:
    """One line a meter; a narrow table leaves out who and why."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for name, is_needed, _ in COLUMNS:
        if wide or is_needed:
            table.add_column(name, justify="right" if name in ("balance", "notices") else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(cell(row) for _, is_needed, cell in COLUMNS if wide or is_needed))
    return table


def latest_notices(rows: list[BoardRow], most: int) -> list[Text]:
    """The newest notice of the first consumers who have one, in both languages."""
    told = [(row.consumer_no, json.loads(row.notice)) for row in rows if row.notice is not None]
    lines = [Text("")]
    for consumer, texts in told[:most]:
        lines += [Text(f"to {consumer}  ", style="dim") + Text(texts.get(each, "")) for each in ("hi", "en")]
    return [*lines, Text("")]


def _reading_at(row: BoardRow) -> Text:
    return Text("" if row.reading_at is None else f"{in_india(row.reading_at):%H:%M:%S}", style="dim")


def _decision(row: BoardRow) -> Text:
    return Text((row.decision or "").replace("_", " "), style="dim")


def _balance(row: BoardRow) -> Text:
    if row.balance is None:
        return Text("")
    return Text(format_rupees(row.balance), style="bold red" if row.balance < 0 else "")


def _relay(row: BoardRow) -> Text:
    match row.connected:
        case None:
            return Text("-", style="dim")
        case True:
            return Text("● on", style="green")
        case False:
            return Text("○ OFF", style="bold red")


def _command(row: BoardRow) -> Text:
    if row.command is None or row.command_state is None or row.command_at is None:
        return Text("")
    text = f"{row.command} {row.command_state} {in_india(row.command_at):%H:%M:%S}"
    return Text(text, style=_COLOURS.get(row.command_state, ""))


#: Header, whether a narrow terminal shows it too, and the cell.
COLUMNS: Final[tuple[tuple[str, bool, Callable[[BoardRow], Text | str]], ...]] = (
    ("meter", True, lambda row: row.meter),
    ("consumer", False, lambda row: row.consumer_no or ""),
    ("balance", True, _balance),
    ("relay", True, _relay),
    ("read at", True, _reading_at),
    ("last command", True, _command),
    ("decision", False, _decision),
    ("notices", True, lambda row: str(row.notices or "")),
)
