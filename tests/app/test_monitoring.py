import json
import socket
from datetime import timedelta

from attrs import evolve
from watched_house import NEVER, Disk, standing, watched_house

from headend.app.monitoring import Lag, MonitoringRules, monitored
from headend.app.monitoring_systemd import ServiceManager
from headend.storage.errors import StorageError
from headend.storage.status import FRESH


async def test_a_process_is_told_of_while_it_runs_and_forgotten_when_it_ends(tmp_path):
    async with watched_house(tmp_path) as monitor:
        async with monitored(monitor):
            (told,) = await monitor.headend.store.status.processes()
            assert told.standing == standing()
            assert (told.keys, told.shedding, told.permits, told.kept) == (True, False, 256, 32)
            assert told.memory > 1_000_000
        assert await monitor.headend.store.status.processes() == ()


async def test_a_nearly_full_disk_sheds_profiles_with_an_event_until_there_is_space(tmp_path):
    disk = Disk(used=89)
    async with watched_house(tmp_path, usage=disk) as monitor:
        for used, shed in ((89, False), (90, True), (89, True), (87, False)):
            disk.used = used
            await monitor.look_at_disk()
            assert monitor.headend.shedding.on is shed
            assert monitor.headend.ports().sheds() is shed
        events = await monitor.headend.store.events.events(0)
        told = [each for each in events if each.kind.startswith("store.")]
        assert [each.kind for each in told] == ["store.shedding", "store.shedding_ended"]
        assert json.loads(told[0].payload) == {"used_share": 0.9, "free_bytes": 10, "begins_at": 0.9}


async def test_where_shedding_begins_is_configured(tmp_path):
    async with watched_house(tmp_path, store="shed_profiles_at = 0.55\n", usage=Disk(used=60)) as monitor:
        await monitor.look_at_disk()
        assert monitor.headend.shedding.on


async def test_a_disk_that_can_not_be_asked_sheds_nothing(tmp_path, logs):
    def broken(_):
        raise OSError(5, "Input/output error")

    async with watched_house(tmp_path, usage=broken) as monitor:
        await monitor.look_at_disk()
        assert not monitor.headend.shedding.on
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [
        "the disk can't be asked how full it is"
    ]


async def test_what_can_not_be_written_is_kept_as_the_reason_until_it_can(tmp_path, monkeypatch):
    async with watched_house(tmp_path) as monitor:
        board = type(monitor.headend.store.status)

        async def full(self, status):
            raise StorageError("the disk is full")

        with monkeypatch.context() as broken:
            broken.setattr(board, "tell", full)
            await monitor.tell()
        assert monitor.failure == "the disk is full"
        await monitor.tell()
        assert monitor.failure is None


def test_the_worst_lag_is_remembered_for_a_window_and_no_longer():
    lag = Lag()
    for seconds in (0.1, 2.0, 0.3):
        lag.add(seconds)
    assert (lag.last, lag.worst) == (0.3, 2.0)
    lag.turn()
    assert lag.worst == 2.0
    lag.turn()
    assert lag.worst == 0.0


async def test_a_loop_that_turns_beats_for_the_watchdog(tmp_path, until):
    heard = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(0)
        manager = ServiceManager(str(tmp_path / "notify"), watchdog_s=0.02)

        def beats():
            try:
                while True:
                    heard.append(line.recv(100))
            except BlockingIOError:
                return len(heard) >= 3

        async with watched_house(tmp_path, manager=manager, rules=NEVER) as monitor, monitored(monitor):
            await until(beats)
    assert set(heard) == {b"WATCHDOG=1"}


def test_the_watchdog_of_another_process_is_not_ours():
    named = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "30000000"}
    assert ServiceManager.of(named, 7) == ServiceManager("/run/notify", 30.0)
    assert ServiceManager.of(named | {"WATCHDOG_PID": "7"}, 7).watchdog_s == 30.0
    assert ServiceManager.of(named | {"WATCHDOG_PID": "8"}, 7).watchdog_s is None
    assert ServiceManager.of({}, 7) == ServiceManager()


def test_nobody_to_tell_and_a_socket_that_is_gone_are_no_fault(tmp_path):
    ServiceManager().say("READY=1")
    ServiceManager(str(tmp_path / "gone")).say("READY=1")


def test_an_abstract_socket_is_reached():
    name = "headend-test-notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0{name}")
        ServiceManager(f"@{name}").say("READY=1", "STATUS=well")
        assert line.recv(100) == b"READY=1\nSTATUS=well"


async def test_what_is_told_by_name_is_bounded(tmp_path):
    async with watched_house(tmp_path) as monitor:
        monitor.standing = lambda: evolve(standing(), blocked_lanes=tuple(f"lane-{number}" for number in range(500)))
        assert len(monitor.status().standing.blocked_lanes) == 50


def test_the_rules_tell_more_often_than_what_counts_as_silent():
    assert timedelta(seconds=MonitoringRules().tell_s) * 3 < FRESH
