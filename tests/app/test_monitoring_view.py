import io
from datetime import timedelta

from attrs import evolve
from rich.console import Console
from watched_house import Disk, standing, watched_house

from headend.app.monitoring import monitored
from headend.app.monitoring_view import look
from headend.cli.status_screen import picture
from headend.prepaid.model import Mode
from headend.scheduler.figures import Failing, RoundStanding
from headend.scheduler.ports import Outcome
from headend.storage.lock import DaemonLock
from headend.storage.status import FRESH


def drawn(view, before=None, width=120):
    console = Console(file=io.StringIO(), width=width)
    console.print(picture(view, before))
    return console.file.getvalue()


async def seen(monitor):
    return await look(monitor.headend.store, monitor.headend.setup.settings, Disk())


async def test_without_a_daemon_the_house_is_shown_and_that_none_runs(tmp_path):
    async with watched_house(tmp_path) as monitor:
        view = await seen(monitor)
    assert (view.running, view.state, view.processes) == (False, "no daemon runs", ())
    text = drawn(view)
    assert "no daemon runs" in text
    assert "disarmed" in text


async def test_what_a_daemon_that_is_gone_told_is_not_taken_for_the_present(tmp_path):
    async with watched_house(tmp_path) as monitor:
        await monitor.tell()
        assert not (await seen(monitor)).running


async def test_a_running_daemon_is_shown_with_its_rounds_lanes_and_failing_meters(tmp_path):
    async with watched_house(tmp_path) as monitor:
        monitor.standing = lambda: evolve(
            standing(),
            rounds=(RoundStanding("interval data", monitor.headend.clock.now(), 200, 50),),
            failing=(Failing("X\x1b1", Outcome.UNREACHABLE, 4, "no\nanswer [bold]", monitor.headend.clock.now()),),
        )
        await monitor.headend.store.switches.set_kill_switch(on=True, by="test")
        await monitor.headend.store.switches.set_mode("Ranchi", Mode.PROPOSE, by="test")
        with DaemonLock.acquire(monitor.headend.store.path):
            async with monitored(monitor):
                view = await seen(monitor)
                text = drawn(view)
    assert view.running
    for shown in ("75.0%", "150 of 200 begun", "gateway-1 without answer", "KILL SWITCH ON", "Ranchi propose"):
        assert shown in text
    assert "no\N{REPLACEMENT CHARACTER}answer [bold]" in text
    assert "\x1b" not in text


async def test_a_worker_that_tells_nothing_any_more_is_named(tmp_path):
    async with watched_house(tmp_path) as monitor:
        with DaemonLock.acquire(monitor.headend.store.path):
            await monitor.tell()
            old = monitor.headend.clock.now() - 2 * FRESH
            await monitor.headend.store.status.tell(evolve(monitor.status(), worker=3, at=old))
            view = await seen(monitor)
            assert "silent: worker 3" in drawn(view)
            await monitor.headend.store.status.tell(evolve(monitor.status(), at=old))
            view = await seen(monitor)
    assert not view.running
    assert "holds the database and tells nothing" in drawn(view)


async def test_rates_are_those_between_two_looks(tmp_path):
    async with watched_house(tmp_path) as monitor:
        with DaemonLock.acquire(monitor.headend.store.path):
            await monitor.tell()
            before = await seen(monitor)
            (process,) = before.processes
            later = evolve(
                process,
                at=process.at + timedelta(seconds=2),
                rows=960,
                standing=evolve(process.standing, visits={"done": 27, "unreachable": 2}),
            )
            text = drawn(evolve(before, processes=(later,)), before)
    assert "10.0 visits/s, 480 rows/s" in text


async def test_the_screen_fits_a_narrow_terminal(tmp_path):
    async with watched_house(tmp_path) as monitor:
        with DaemonLock.acquire(monitor.headend.store.path):
            await monitor.tell()
            text = drawn(await seen(monitor), width=60)
    assert max(map(len, text.splitlines())) <= 60
