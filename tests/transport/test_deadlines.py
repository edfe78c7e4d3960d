"""One timer for all deadlines of a loop: each is told in time, none twice, and none after it was forgotten."""

import asyncio

import pytest

from headend.transport.deadlines import Deadlines, Patience, deadlines_of


class Clockwork:
    """A loop whose time is moved by hand."""

    def __init__(self):
        self.now, self.timers = 0.0, []

    def time(self):
        return self.now

    def call_at(self, due, callback):
        timer = Timer(due, callback, self.timers)
        self.timers.append(timer)
        return timer

    def run_to(self, moment):
        while self.timers and min(timer.due for timer in self.timers) <= moment:
            timer = min(self.timers, key=lambda timer: timer.due)
            self.timers.remove(timer)
            self.now = max(self.now, timer.due)
            timer.callback()
        self.now = moment


class Timer:
    def __init__(self, due, callback, timers):
        self.due, self.callback, self._timers = due, callback, timers

    def cancel(self):
        self._timers.remove(self)


class Visit:
    def __init__(self, loop, due):
        self.loop, self.due, self.expired = loop, due, []

    def expire(self):
        self.expired.append(self.loop.now)


def test_each_is_told_once_when_it_is_due():
    loop = Clockwork()
    deadlines = Deadlines(loop)
    visits = [Visit(loop, due) for due in (5.0, 1.0, 3.0)]
    for visit in visits:
        deadlines.watch(visit)
    loop.run_to(10.0)
    assert [visit.expired for visit in visits] == [[5.0], [1.0], [3.0]]
    assert not loop.timers


def test_all_share_one_timer():
    loop = Clockwork()
    deadlines = Deadlines(loop)
    for due in range(100, 0, -1):
        deadlines.watch(Visit(loop, float(due)))
    assert [timer.due for timer in loop.timers] == [1.0]


def test_what_is_forgotten_is_not_told():
    loop = Clockwork()
    deadlines = Deadlines(loop)
    visit = Visit(loop, 1.0)
    deadlines.watch(visit)
    deadlines.forget(visit)
    deadlines.forget(visit)
    loop.run_to(10.0)
    assert not visit.expired


def test_a_deadline_may_come_earlier_and_be_put_off():
    loop = Clockwork()
    deadlines = Deadlines(loop)
    sooner, later = Visit(loop, 20.0), Visit(loop, 20.0)
    for visit in (sooner, later):
        deadlines.watch(visit)
    sooner.due = 3.0
    deadlines.look_at(3.0)
    later.due = 50.0
    loop.run_to(49.0)
    assert sooner.expired == [3.0]
    assert not later.expired
    loop.run_to(51.0)
    assert later.expired == [50.0]


def test_deadlines_close_together_are_a_pause_late_at_most():
    loop = Clockwork()
    deadlines = Deadlines(loop)
    visits = [Visit(loop, 1.0 + number / 1000) for number in range(100)]
    for visit in visits:
        deadlines.watch(visit)
    loop.run_to(2.0)
    assert all(0 <= visit.expired[0] - visit.due <= 0.021 for visit in visits)


async def test_patience_ends_what_lasts_too_long():
    with pytest.raises(TimeoutError), Patience(asyncio.get_running_loop().time()):
        await asyncio.Event().wait()
    assert asyncio.current_task().cancelling() == 0


async def test_patience_leaves_alone_what_ends_in_time():
    loop = asyncio.get_running_loop()
    for due in (None, loop.time() + 60):
        with Patience(due):
            await asyncio.sleep(0)
    assert not deadlines_of(loop)._watched


async def test_a_task_that_is_cancelled_by_somebody_else_stays_cancelled():
    started = asyncio.Event()

    async def work():
        with Patience(asyncio.get_running_loop().time() + 60):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
