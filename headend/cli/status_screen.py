"""The screen of `headend status`."""

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from headend.app.monitoring_view import View
from headend.cli.output import in_india, shown
from headend.storage.status import ProcessStatus

_BAR = 40
_GIB = 1 << 30
_MIB = 1 << 20
_MOST_FAILING = 8


def picture(view: View, before: View | None) -> RenderableType:
    """The whole screen; rates are those since `before`."""
    parts: list[RenderableType] = [_headline(view), _switches(view), Text("")]
    parts += [_rounds(view), _figures(view, before)]
    if len(view.processes) > 1:
        parts.append(_workers(view.processes))
    if any(each.standing.failing for each in view.processes):
        parts.append(_failing(view))
    return Group(*parts)


def _headline(view: View) -> Text:
    style = "bold green" if view.running else "bold red" if view.pid is not None else "bold yellow"
    line = Text("headend  ", style="bold") + Text(view.state, style=style)
    if view.processes:
        line.append(f"  up {_span(view.at - min(each.started for each in view.processes))}", style="dim")
    if view.silent:
        line.append(f"  silent: worker {', '.join(str(each.worker) for each in view.silent)}", style="bold red")
    return line


def _switches(view: View) -> Text:
    house = view.house
    line = Text("ARMED" if house.armed else "disarmed", style="bold red" if house.armed else "green")
    if house.kill_switch:
        line.append("  KILL SWITCH ON: nobody is cut", style="bold magenta")
    modes = ", ".join(f"{office or '*'} {mode.value}" for office, mode in sorted(house.modes.items()))
    line.append(f"  modes: {modes or '* notify'}", style="cyan")
    if any(each.shedding for each in view.processes):
        line.append("  PROFILES ARE SHED: the disk is nearly full", style="bold red")
    return line


def _rounds(view: View) -> RenderableType:
    rounds: dict[str, tuple[int, int]] = {}
    for each in (one for process in view.processes for one in process.standing.rounds):
        size, left = rounds.get(each.schedule, (0, 0))
        rounds[each.schedule] = (size + each.size, left + each.left)
    if not rounds:
        return Text("no round in progress" if view.running else "", style="dim")
    sheet = Table.grid(padding=(0, 2))
    for schedule, (size, left) in rounds.items():
        begun = size - left
        share = begun / size if size else 1.0
        sheet.add_row(
            Text(shown(schedule)), ProgressBar(size or 1, begun, _BAR), f"{share:6.1%}", f"{begun:,} of {size:,} begun"
        )
    return sheet


def _figures(view: View, before: View | None) -> Table:
    sheet = Table.grid(padding=(0, 2))
    sheet.add_column(style="dim")
    house = view.house
    sheet.add_row("fleet", f"{house.meters:,} meters, {house.read_within_day:,} read within 24 h", _never(view))
    if view.processes:
        for row in _collection(view, before):
            sheet.add_row(*row)
    sheet.add_row("commands", _commands(view), _people(view))
    sheet.add_row("reconnects", _objective(view))
    waiting = ", ".join(f"{each.channel} {each.count:,} {each.state}" for each in house.messages)
    sheet.add_row("messages", waiting or "none waits")
    for each in house.unpublished:
        since = "" if each.oldest is None else f", the oldest {_span(view.at - each.oldest)} old"
        sheet.add_row(f"to {each.subscriber}", f"{each.waiting:,} events{since}")
    sheet.add_row("store", _octets(view.database_bytes), _disk(view))
    return sheet


def _collection(view: View, before: View | None) -> list[tuple[str, str, str]]:
    standings = [each.standing for each in view.processes]
    visits: dict[str, int] = {}
    for each in standings:
        for outcome, count in each.visits.items():
            visits[outcome] = visits.get(outcome, 0) + count
    outcomes = ", ".join(f"{count:,} {outcome}" for outcome, count in visits.items())
    permits = sum(each.permits for each in view.processes)
    oldest = min((each.oldest for each in standings if each.oldest is not None), default=None)
    since = "" if oldest is None else f"the oldest {_span(view.at - oldest)}"
    put_off = f"{sum(each.put_off for each in standings):,} put off"
    lanes = sorted({lane for each in standings for lane in each.blocked_lanes})
    return [
        (
            "visits",
            outcomes or "none",
            _rate(view, before),
        ),
        ("under way", f"{sum(each.in_flight for each in standings):,} of {permits:,}", _lag(view)),
        ("waiting", f"{sum(each.waiting for each in standings):,} meters, {put_off}", since),
        ("lanes", f"{shown(', '.join(lanes[:5]))} without answer" if lanes else "all answer", ""),
        ("stored", _stored(view.processes), ""),
    ]


def _rate(view: View, before: View | None) -> str:
    """Visits and rows a second between two looks, by the time at which the processes told."""
    if before is None:
        return ""
    since, until = told(before), told(view)
    seconds = 0.0 if since is None or until is None else (until - since).total_seconds()
    visits, rows = _done(view.processes) - _done(before.processes), _rows(view.processes) - _rows(before.processes)
    if seconds <= 0 or visits < 0 or rows < 0:
        return ""
    return f"{visits / seconds:,.1f} visits/s, {rows / seconds:,.0f} rows/s"


def told(view: View) -> datetime | None:
    """When a process last told how it stands."""
    return max((each.at for each in view.processes), default=None)


def _done(processes: tuple[ProcessStatus, ...]) -> int:
    return sum(sum(each.standing.visits.values()) for each in processes)


def _rows(processes: tuple[ProcessStatus, ...]) -> int:
    return sum(each.rows for each in processes)


def _stored(processes: tuple[ProcessStatus, ...]) -> str:
    return f"{_rows(processes):,} profile rows, {sum(each.values for each in processes):,} register values since start"


def _lag(view: View) -> str:
    return f"loop at most {max(each.busiest_lag for each in view.processes) * 1000:.0f} ms late"


def _never(view: View) -> str:
    return f"{view.house.never_read:,} never read" if view.house.never_read else ""


def _commands(view: View) -> str:
    listed = [
        f"{each.count:,} {'reconnects' if each.target == 'connected' else 'cuts'} {each.state}"
        f" (oldest {_span(view.at - each.oldest)})"
        for each in view.house.commands
    ]
    return ", ".join(listed) or "none open"


def _people(view: View) -> str:
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in view.house.work.items())


def _objective(view: View) -> Text:
    found = view.reconnects
    if found.p95 is None or found.within_minute is None:
        return Text("none within 24 h", style="dim")
    reached = "objective reached" if view.objective else "OBJECTIVE MISSED"
    text = (
        f"{found.count:,} within 24 h, p95 {found.p95.total_seconds():.1f} s, {found.within_minute:.1%} in a minute: "
    )
    return Text(text) + Text(reached, style="green" if view.objective else "bold red")


def _disk(view: View) -> str:
    return "" if view.disk is None else f"disk {view.disk.share:.0%} used, {_octets(view.disk.free)} free"


def _octets(count: int) -> str:
    return f"{count / _GIB:,.1f} GiB" if count >= _GIB else f"{count / _MIB:,.1f} MiB"


def _workers(processes: tuple[ProcessStatus, ...]) -> Table:
    sheet = Table(box=None, pad_edge=False, header_style="bold dim")
    for name in ("worker", "process", "under way", "waiting", "visits", "lag ms", "MiB"):
        sheet.add_column(name, justify="right")
    for each in processes:
        standing = each.standing
        cells = (each.worker, each.pid, standing.in_flight, standing.waiting, sum(standing.visits.values()))
        sheet.add_row(*map(str, cells), f"{each.busiest_lag * 1000:.0f}", f"{each.memory // _MIB:,}")
    return sheet


def _failing(view: View) -> Table:
    sheet = Table(
        title=f"{sum(each.failing for each in view.processes):,} meters are left alone after failures",
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold dim",
    )
    for name in ("meter", "outcome", "in a row", "first cause", "again at"):
        sheet.add_column(name)
    failing = [each for process in view.processes for each in process.standing.failing]
    for each in failing[:_MOST_FAILING]:
        again = f"{in_india(each.not_before):%H:%M:%S}"
        cells = (each.meter, each.outcome, each.failures, each.first_error[:70], again)
        sheet.add_row(*(Text(shown(cell)) for cell in cells))
    return sheet


def _span(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    for size, unit, smaller, small in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // smaller} {small}"
    return f"{seconds} s"
