import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from headend.cli.output import config_option, emit_json, json_option, say
from headend.cli.running import Moment

if TYPE_CHECKING:
    from headend.storage.exports import Span, Table
    from headend.storage.store import Store

F = TypeVar("F", bound=Callable[..., Any])

FORMS: Final = ("csv", "xlsx", "parquet")


def _options(function: F) -> F:
    """What every export takes."""
    for option in (
        json_option,
        config_option,
        click.option("--replace", is_flag=True, help="Put it in the place of a file that is there."),
        click.option("--office", default="", help="circle/division/sub-division, with all below it; left out: all."),
        click.option("--until", type=Moment(), default=None, help="Rows before this time."),
        click.option("--since", type=Moment(), default=None, help="Rows from this time on."),
        click.option("--out", required=True, type=click.Path(dir_okay=False), help="The file to make."),
        click.option(
            "--format", "form", type=click.Choice(FORMS), default=None, help="Left out: as the name of the file ends."
        ),
    ):
        function = option(function)
    return function


@click.group(
    epilog="\b\nExamples:\n  headend export profile block_load --since 2026-11-01 --out november.parquet\n"
    "  headend export ledger --office Ranchi/East --out ledger.xlsx\n"
    "  headend export readings --since 2026-11-23 --until 2026-11-24 --out readings.csv"
)
def export() -> None:
    """Tables as CSV, XLSX or Parquet files, with the same memory for any size; times are in UTC, money in rupees."""


@export.command(epilog="\b\nExample:\n  headend export readings --since 2026-11-23 --out readings.csv")
@_options
def readings(**options: Any) -> None:  # noqa: ANN401  click's own
    """Register values, by meter, register and time."""
    _export(lambda store, span: store.exports.readings(span), **options)


@export.command(epilog="\b\nExample:\n  headend export profile block_load --since 2026-11-01 --out november.parquet")
@click.argument("name")
@_options
def profile(name: str, **options: Any) -> None:  # noqa: ANN401
    """Rows of a profile (block_load, daily, billing, events_power, ...), scaled, a column for each that it ever had."""
    _export(lambda store, span: store.exports.profile(name, span), **options)


@export.command(epilog="\b\nExample:\n  headend export events --since 2026-11-23 --out events.csv")
@_options
def events(**options: Any) -> None:  # noqa: ANN401
    """What happened, in the order of commit; details as JSON."""
    _export(lambda store, span: store.exports.numbered("events", span), **options)


@export.command(epilog="\b\nExample:\n  headend export ledger --office Ranchi/East --out ledger.xlsx")
@_options
def ledger(**options: Any) -> None:  # noqa: ANN401
    """Every entry of every account, with the balance after it."""
    _export(lambda store, span: store.exports.numbered("ledger", span), **options)


@export.command(epilog="\b\nExample:\n  headend export commands --since 2026-11-01 --out commands.csv")
@_options
def commands(**options: Any) -> None:  # noqa: ANN401
    """The journal of relay commands."""
    _export(lambda store, span: store.exports.numbered("commands", span), **options)


def _export(table_of: "Callable[[Store, Span], Awaitable[Table]]", **options: Any) -> None:  # noqa: ANN401  click's own
    from pathlib import Path

    from attrs import evolve

    from headend.cli.running import with_store
    from headend.storage.exports import Span

    out, since, until = options["out"], options["since"], options["until"]
    target = Path(out)
    chosen = options["form"] or target.suffix.removeprefix(".").lower()
    if chosen not in FORMS:
        raise click.UsageError(f"{out}: its name tells no format; add --format {'|'.join(FORMS)}")
    span = Span(office=options["office"])
    span = evolve(span, since=since or span.since, until=until or span.until)

    async def work(store: "Store") -> int:
        return await _write(await table_of(store, span), chosen, target, options["replace"])

    rows = with_store(options["config"], work)
    emit_json({"file": out, "rows": rows}) if options["as_json"] else say(f"{out}: {rows:,} rows")


async def _write(table: "Table", form: str, target: Any, replace: bool) -> int:  # noqa: ANN401  a path
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from headend.cli.export_files import sheet, whole_file

    columns = (TextColumn(target.name), BarColumn(), TextColumn("{task.percentage:3.0f} %  {task.fields[rows]:,} rows"))
    console = Console(stderr=True)
    written = 0
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=None, rows=0)
        with whole_file(target, replace=replace) as partial, sheet(form, partial, table.headings) as file:
            async for page in table.pages:
                file.write(page.rows)
                written += len(page.rows)
                progress.update(task, total=page.total, completed=page.done, rows=written)
    return written
