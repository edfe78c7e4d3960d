"""The files as a crash would leave them, taken before each statement of a transaction: all of it or nothing."""

import itertools
import shutil

from store_making import (
    CONSUMER,
    SERIAL,
    START,
    clock_reading,
    cut,
    disconnect,
    energy,
    notice,
    open_sqlite,
    reading,
    reconnect,
    relay,
    restore,
    rows,
    settle_in,
    visit,
)

from headend.commands.model import Origin
from headend.prepaid.model import EnergyMark


class Camera:
    """Copies the database before every statement that its writer executes, and once after the answer."""

    def __init__(self, store, folder):
        self.store, self.folder, self.shots = store, folder, []

    def __enter__(self):
        self.store._writer.database.conn.set_trace_callback(self._shoot)
        return self

    def __exit__(self, *_):
        self.store._writer.database.conn.set_trace_callback(None)
        self._shoot("")

    def _shoot(self, _statement):
        shot = self.folder / f"shot-{len(self.shots)}"
        shot.mkdir()
        for name in ("headend.db", "headend.db-wal"):
            shutil.copy(self.store.path.with_name(name), shot / name)
        self.shots.append(shot)


async def state(store):
    commands = await store.journal.commands()
    return (
        await store.accounts.balance(CONSUMER),
        [(command.id, command.state, command.superseded_by) for command in commands],
        [len(await store.journal.steps(command.id)) for command in commands],
        [written.notice.key for written in await store.accounts.notices(CONSUMER)],
        [decision.verdict for decision in await store.accounts.decisions(CONSUMER)],
        await store.fleet.last_row(SERIAL, "block_load"),
        await store.fleet.latest(SERIAL),
        await store.fleet.last_visits(),
        await store.events.last_number(),
        (await store.accounts.view(CONSUMER, START)).mark,
    )


async def develop(camera, clock):
    """What each copy shows when it is opened as after a crash."""
    states = []
    for shot in camera.shots:
        store = await open_sqlite(shot, clock)
        states.append(await state(store))
        report = await store.check()
        assert report.ok, report.findings
        await store.close()
    return states


def assert_all_or_nothing(states, before, after):
    assert before != after
    assert (states[0], states[-1]) == (before, after)
    assert len(states) > 20
    assert all(one in (before, after) for one in states)
    assert sum(earlier != later for earlier, later in itertools.pairwise(states)) == 1


async def test_a_visit_with_its_judgement_is_written_whole_or_not_at_all(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    command = cut(clock, origin=Origin.POLICY)

    def judge(view):
        mark = EnergyMark(SERIAL, 5000, clock.now)
        entries = (energy(clock, -200_00, "0..5000"),)
        return disconnect(view, command, entries=entries, mark=mark, notices=(notice(clock, "n1"),))

    record = visit(
        clock,
        readings=(reading(clock),),
        profiles=(rows(START, 48),),
        relay=relay(clock, connected=True),
        clock=clock_reading(clock),
        balance=100_00,
    )
    before = await state(store)
    with Camera(store, tmp_path) as camera:
        await store.fleet.record_visit(record, judge)
    assert_all_or_nothing(await develop(camera, clock), before, await state(store))


async def test_a_recharge_with_its_reconnect_is_written_whole_or_not_at_all(store, tmp_path, clock):
    await settle_in(store, tmp_path)
    await store.journal.request(cut(clock, origin=Origin.POLICY))

    def judge(view):
        return reconnect(view, restore(clock, cause="recharge:P1"), notices=(notice(clock, "recharged:P1"),))

    before = await state(store)
    with Camera(store, tmp_path) as camera:
        await store.accounts.recharge(CONSUMER, 50_00, "P1", clock.now, "desk", judge)
    assert_all_or_nothing(await develop(camera, clock), before, await state(store))
