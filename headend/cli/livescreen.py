"""The live table of the demonstration."""

import asyncio
import io
import json
import re
from collections.abc import Callable
from typing import Protocol

from attrs import frozen
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from headend.app import Headend
from headend.prepaid.money import format_rupees
from headend.storage.board import BoardRow, Counts

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
        with Live(console=Console(), refresh_per_second=4, screen=False) as live:
            while True:
                counts = await steps.step()
                rows = await self.headend.store.board.rows(24)
                live.update(picture(rows, counts, self.phase()))
                await asyncio.sleep(0.25)


def picture(rows: list[BoardRow], counts: Counts, phase: str) -> Group:
    """The whole screen."""
    title = Text("headend demo  ", style="bold") + Text(phase, style="cyan")
    figures = Text(
        f"{counts.polled} of {counts.meters} meters read · {counts.notices} notices · {counts.disconnected} cut · "
        f"{counts.reconnected} restored · {counts.unknown} unknown · Ctrl-C ends it",
        style="dim",
    )
    return Group(title, fleet_table(rows), *latest_notices(rows), figures)


def as_svg(rows: list[BoardRow], counts: Counts, phase: str) -> str:
    """The screen as a picture, with the viewer's own fonts: nothing is fetched to show it."""
    console = Console(record=True, width=132, file=io.StringIO())
    console.print(picture(rows, counts, phase))
    return _FONT_FACES.sub("", console.export_svg(title="python3 run.py"))


def fleet_table(rows: list[BoardRow]) -> Table:
    """One line a meter."""
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for name in ("meter", "consumer", "balance", "relay", "last reading", "last command", "decision", "notices"):
        table.add_column(name, justify="right" if name in ("balance", "notices") else "left")
    for row in rows:
        table.add_row(
            row.meter,
            row.consumer_no or "",
            _balance(row),
            _relay(row),
            Text("" if row.reading_at is None else f"{row.reading_at.astimezone():%H:%M:%S}", style="dim"),
            _command(row),
            Text((row.decision or "").replace("_", " "), style="dim"),
            str(row.notices or ""),
        )
    return table


def latest_notices(rows: list[BoardRow]) -> list[Text]:
    """The newest notice of each consumer who has one, in both languages."""
    told = [(row.consumer_no, json.loads(row.notice)) for row in rows if row.notice is not None]
    lines = [Text("")]
    for consumer, texts in told[:3]:
        lines += [Text(f"to {consumer}  ", style="dim") + Text(texts.get(each, "")) for each in ("hi", "en")]
    return [*lines, Text("")]


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
    text = f"{row.command} {row.command_state} {row.command_at.astimezone():%H:%M:%S}"
    return Text(text, style=_COLOURS.get(row.command_state, ""))
