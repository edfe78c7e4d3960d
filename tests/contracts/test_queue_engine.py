"""Shards among workers by the queue in PostgreSQL: each is visited by one worker, and by another when that dies."""

import asyncio
import contextlib

import pytest

from headend.scheduler.engine import LeaseLost
from headend.scheduler.inventory import Shard
from headend.storage.postgres.engine import Beats, QueueEngine

SHARDS = tuple(Shard(f"{number}/12") for number in range(1, 13))
BEATS = Beats(beat_s=0.1, lapse_s=3.0)


class Register:
    """Leases as the store keeps them: whoever takes a shard over ends the token of its holder."""

    def __init__(self):
        self.holders = {}
        self.ended = set()

    async def take(self, token, shard):
        self.guard(token)
        holder = self.holders.get(shard)
        if holder is not None and holder != token:
            self.ended.add(holder)
            self.holders = {name: other for name, other in self.holders.items() if other != holder}
        self.holders[shard] = token

    async def give_back(self, token, shard):
        self.guard(token)
        if self.holders.get(shard) == token:
            del self.holders[shard]

    def guard(self, token):
        if token in self.ended:
            raise LeaseLost(f"token {token} has ended")


class Work:
    """Work on a shard: it ends when it is told to, and fails when it writes under a token that has ended."""

    def __init__(self, lease, register):
        self.lease, self.register, self.over = lease, register, asyncio.Event()

    async def run(self):
        while not self.over.is_set():
            self.register.guard(self.lease.token)
            await asyncio.sleep(0.05)

    def stop(self):
        self.over.set()


class Cluster:
    def __init__(self, url):
        self.url, self.register, self.tasks, self.engines = url, Register(), {}, {}

    def join(self, token, **options):
        engine = QueueEngine(self.url, self.register, token, SHARDS, BEATS, **options)
        self.engines[token] = engine
        self.tasks[token] = asyncio.create_task(engine.run(lambda lease: Work(lease, self.register)))
        return engine

    def spread(self):
        return sorted(len(engine.held) for token, engine in self.engines.items() if not self.tasks[token].done())

    def covered(self):
        held = [name for token, engine in self.engines.items() if not self.tasks[token].done() for name in engine.held]
        return len(held) == len(set(held)) == len(SHARDS) == len(self.register.holders)

    async def until(self, what):
        """Wait for a state; a worker that failed, and is not meant to, fails the test."""
        async with asyncio.timeout(60):
            while not what():
                await asyncio.sleep(0.05)
                for task in self.tasks.values():
                    if task.done() and not task.cancelled() and not isinstance(task.exception(), LeaseLost | None):
                        task.result()

    async def close(self):
        for engine in self.engines.values():
            engine.stop()
        with contextlib.suppress(LeaseLost):
            await asyncio.gather(*self.tasks.values(), return_exceptions=True)


@pytest.fixture
async def cluster(tmp_path, postgresql):
    made = Cluster(await postgresql.database(tmp_path))
    yield made
    await made.close()


async def test_one_worker_has_all_and_each_that_joins_gets_its_share(cluster):
    cluster.join(1)
    await cluster.until(cluster.covered)
    cluster.join(2)
    cluster.join(3)
    await cluster.until(lambda: cluster.spread() == [4, 4, 4] and cluster.covered())
    assert not cluster.register.ended, "nobody was believed dead"


async def test_a_worker_that_leaves_gives_back_and_the_rest_go_on(cluster):
    cluster.join(1)
    leaving = cluster.join(2)
    await cluster.until(lambda: cluster.spread() == [6, 6])
    leaving.stop()
    await cluster.tasks[2]
    await cluster.until(lambda: cluster.spread() == [12] and cluster.covered())
    assert not cluster.register.ended


async def test_the_shards_of_a_worker_that_died_are_taken_over(cluster):
    cluster.join(1)
    cluster.join(2)
    await cluster.until(lambda: cluster.spread() == [6, 6])
    cluster.tasks[2].cancel()
    await cluster.until(lambda: cluster.spread() == [12] and cluster.covered())
    assert cluster.register.ended == {2}


async def test_a_worker_that_was_stopped_past_its_lapse_comes_back_to_nothing(cluster):
    stopped, go_on = asyncio.Event(), asyncio.Event()

    async def pausing(_event, seconds):
        await (go_on.wait() if stopped.is_set() else asyncio.sleep(seconds))

    cluster.join(1)
    cluster.join(2, pause=pausing)
    await cluster.until(lambda: cluster.spread() == [6, 6])
    stopped.set()
    await cluster.until(lambda: 2 in cluster.register.ended)
    go_on.set()
    with pytest.raises(LeaseLost):
        await cluster.tasks[2]
    await cluster.until(lambda: cluster.spread() == [12] and cluster.covered())
    # A new process in its place, under a token of its own, gets its share again.
    cluster.join(3)
    await cluster.until(lambda: cluster.spread() == [6, 6] and cluster.covered())


async def test_a_queue_that_was_away_costs_nobody_its_shards(cluster, postgresql):
    cluster.join(1)
    cluster.join(2)
    await cluster.until(lambda: cluster.spread() == [6, 6])
    await asyncio.to_thread(postgresql.stop)
    await asyncio.sleep(BEATS.lapse_s)
    await asyncio.to_thread(postgresql.start)
    cluster.join(3)
    await cluster.until(lambda: cluster.spread() == [4, 4, 4] and cluster.covered())
    assert not cluster.register.ended
