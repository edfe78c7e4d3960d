"""Figures for Prometheus, made anew at each scrape from what the processes told and from the house in numbers."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final

from attrs import frozen
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from headend.app.health import Health
from headend.commands.latency import FIVE_MINUTES, MINUTE
from headend.scheduler.spans import Spans, added
from headend.storage.disk import Disk
from headend.storage.status import CLOCK_BOUNDS, FRESH, House, ProcessStatus

#: The text format that every Prometheus reads.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_OBJECTIVES: Final = (("0.95", MINUTE), ("0.99", FIVE_MINUTES))


@frozen
class Snapshot:
    """All that a scrape shows. `octets` of the database and of its log; `disk` is None where it can't be asked."""

    at: datetime
    processes: tuple[ProcessStatus, ...]
    house: House
    octets: tuple[int, int]
    disk: Disk | None
    health: Health


class _Once(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        return families(self._snapshot)


#: What is told of each process: its help, and its value at a moment.
_OF_A_WORKER: Final[dict[str, tuple[str, Callable[[ProcessStatus, datetime], float]]]] = {
    "worker_up": ("Whether the process told how it stands within 15 s.", lambda each, at: at - each.at <= FRESH),
    "worker_start_time_seconds": ("When it started.", lambda each, _: each.started.timestamp()),
    "worker_resident_bytes": ("Its memory.", lambda each, _: each.memory),
    "loop_lag_seconds": ("How late its loop was, at the worst within a minute.", lambda each, _: each.busiest_lag),
    "writer_queue": ("Units of work that wait for its writer.", lambda each, _: each.writing),
}


def render(snapshot: Snapshot) -> bytes:
    """The answer to a scrape."""
    # What is asked of a registry is only that it can be collected.
    return generate_latest(_Once(snapshot))


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """Every figure, by group."""
    yield from _visits(snapshot.processes)
    yield from _spans(snapshot.processes)
    yield from _standing(snapshot.processes, snapshot.at)
    yield from _workers(snapshot.processes, snapshot.at)
    yield from _commands(snapshot.house)
    yield from _outgoing(snapshot.house)
    yield from _fleet(snapshot.house)
    yield from _switches(snapshot.house)
    yield from _store(snapshot)


def _visits(processes: tuple[ProcessStatus, ...]) -> Iterator[Metric]:
    visits = CounterMetricFamily("headend_visits", "Visits that ended, by outcome.", labels=["outcome"])
    commands = CounterMetricFamily(
        "headend_commands", "Commands that a visit ran, by the state they were left in.", labels=["state"]
    )
    stored = CounterMetricFamily("headend_values_stored", "What committed visits brought.", labels=["what"])
    for outcome, count in _summed(each.standing.visits for each in processes).items():
        visits.add_metric([outcome], count)
    for state, count in _summed(each.standing.commands for each in processes).items():
        commands.add_metric([state], count)
    stored.add_metric(["register"], sum(each.values for each in processes))
    stored.add_metric(["profile_row"], sum(each.rows for each in processes))
    reads = sum(each.standing.reads for each in processes)
    yield from (visits, commands, stored, CounterMetricFamily("headend_reads", "Reads by hand.", value=reads))


def _spans(processes: tuple[ProcessStatus, ...]) -> Iterator[Metric]:
    yield _histogram(
        "headend_visit_duration_seconds", "How long visits took.", added([each.standing.took for each in processes])
    )
    yield _histogram(
        "headend_reconnect_latency_seconds",
        "How long reconnects took, from the journal to the relay that was read back closed.",
        added([each.standing.reconnects for each in processes]),
    )
    objective = GaugeMetricFamily(
        "headend_reconnect_objective_seconds", "Within what a share of reconnects should be done.", labels=["share"]
    )
    for share, span in _OBJECTIVES:
        objective.add_metric([share], span.total_seconds())
    yield objective


def _histogram(name: str, text: str, spans: Spans | None) -> Metric:
    if spans is None:
        return HistogramMetricFamily(name, text)
    below, buckets = 0, []
    for bound, count in zip((*map(str, spans.bounds), "+Inf"), spans.counts, strict=True):
        below += count
        buckets.append((bound, float(below)))
    return HistogramMetricFamily(name, text, buckets=buckets, sum_value=spans.total)


def _standing(processes: tuple[ProcessStatus, ...], at: datetime) -> Iterator[Metric]:
    standings = [each.standing for each in processes]
    oldest = min((each.oldest for each in standings if each.oldest is not None), default=None)
    for name, text, value in (
        ("visits_in_flight", "Visits under way.", sum(each.in_flight for each in standings)),
        ("visit_permits", "Visits that may be under way at once.", sum(each.permits for each in processes)),
        ("relay_permits_kept", "Permits of these that are kept for relay work.", sum(each.kept for each in processes)),
        ("meters_waiting", "Meters with work that may start.", sum(each.waiting for each in standings)),
        ("meters_put_off", "Meters whose work waits for its time.", sum(each.put_off for each in standings)),
        ("meters_failing", "Meters that are left alone after failures.", sum(each.failing for each in processes)),
        ("lanes_blocked", "Lanes in which nobody answers.", sum(len(each.blocked_lanes) for each in standings)),
        ("oldest_work_seconds", "Age of the longest waiting work.", _age(oldest, at)),
    ):
        yield GaugeMetricFamily(f"headend_{name}", text, value=value)
    size = GaugeMetricFamily("headend_round_meters", "Meters of the round in progress.", labels=["schedule"])
    left = GaugeMetricFamily("headend_round_left", "Meters of it that were not begun yet.", labels=["schedule"])
    for schedule, count in _summed({each.schedule: each.size} for one in standings for each in one.rounds).items():
        size.add_metric([schedule], count)
    for schedule, count in _summed({each.schedule: each.left} for one in standings for each in one.rounds).items():
        left.add_metric([schedule], count)
    yield from (size, left)


def _workers(processes: tuple[ProcessStatus, ...], at: datetime) -> Iterator[Metric]:
    info = GaugeMetricFamily("headend_worker_info", "The processes.", labels=["worker", "pid", "version"])
    for each in processes:
        info.add_metric([str(each.worker), str(each.pid), each.version], 1)
    yield info
    for name, (text, value) in _OF_A_WORKER.items():
        family = GaugeMetricFamily(f"headend_{name}", text, labels=["worker"])
        for each in processes:
            family.add_metric([str(each.worker)], float(value(each, at)))
        yield family


def _commands(house: House) -> Iterator[Metric]:
    count = GaugeMetricFamily("headend_commands_open", "Open commands.", labels=["target", "state"])
    age = GaugeMetricFamily("headend_commands_oldest_seconds", "Age of the oldest of them.", labels=["target", "state"])
    for each in house.commands:
        count.add_metric([each.target, each.state], each.count)
        age.add_metric([each.target, each.state], _age(each.oldest, house.at))
    work = GaugeMetricFamily("headend_work_items_open", "What waits for a person.", labels=["kind"])
    for kind, items in house.work.items():
        work.add_metric([kind], items)
    yield from (count, age, work)


def _outgoing(house: House) -> Iterator[Metric]:
    messages = GaugeMetricFamily(
        "headend_messages_waiting", "Messages to be sent, or to be confirmed.", labels=["channel", "state"]
    )
    for each in house.messages:
        messages.add_metric([each.channel, each.state], each.count)
    rows = GaugeMetricFamily(
        "headend_events_unpublished", "Event rows that a subscriber does not have yet.", labels=["subscriber"]
    )
    age = GaugeMetricFamily("headend_events_unpublished_seconds", "Age of the oldest of them.", labels=["subscriber"])
    for one in house.unpublished:
        rows.add_metric([one.subscriber], one.waiting)
        age.add_metric([one.subscriber], _age(one.oldest, house.at))
    yield from (messages, rows, age)


def _fleet(house: House) -> Iterator[Metric]:
    yield GaugeMetricFamily("headend_meters", "Meters in the inventory.", value=house.meters)
    yield GaugeMetricFamily(
        "headend_meters_read_within_day", "Meters visited well within 24 hours.", value=house.read_within_day
    )
    yield GaugeMetricFamily("headend_meters_never_read", "Meters never visited well.", value=house.never_read)
    clocks = GaugeMetricFamily(
        "headend_meter_clocks", "Meters whose clock is off by up to so many seconds.", labels=["off"]
    )
    for bound, count in zip((*map(str, CLOCK_BOUNDS), "more"), house.clocks, strict=True):
        clocks.add_metric([bound], count)
    yield clocks


def _switches(house: House) -> Iterator[Metric]:
    yield GaugeMetricFamily("headend_armed", "Whether the policy may cut.", value=house.armed)
    yield GaugeMetricFamily("headend_kill_switch", "Whether every cut is stopped.", value=house.kill_switch)
    modes = GaugeMetricFamily("headend_office_mode", "The mode set for an office.", labels=["office", "mode"])
    for office, mode in house.modes.items():
        modes.add_metric([office or "*", mode.value], 1)
    yield modes


def _store(snapshot: Snapshot) -> Iterator[Metric]:
    database, log = snapshot.octets
    yield GaugeMetricFamily("headend_database_bytes", "Size of the database.", value=database)
    yield GaugeMetricFamily("headend_database_log_bytes", "Size of the log beside it.", value=log)
    if snapshot.disk is not None:
        yield GaugeMetricFamily("headend_disk_free_bytes", "Free on its file system.", value=snapshot.disk.free)
        yield GaugeMetricFamily("headend_disk_used_ratio", "Used share of it.", value=snapshot.disk.share)
    shedding = any(each.shedding for each in snapshot.processes)
    yield GaugeMetricFamily("headend_shedding", "Whether profiles are given up for want of space.", value=shedding)
    yield GaugeMetricFamily("headend_ready", "Whether /readyz says yes.", value=snapshot.health.ready)
    broker = [each.broker for each in snapshot.processes if each.broker is not None]
    if broker:
        yield GaugeMetricFamily("headend_broker_connected", "Whether the broker is there.", value=any(broker))


def _summed(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total


def _age(since: datetime | None, at: datetime) -> float:
    return 0.0 if since is None else max((at - since).total_seconds(), 0.0)
