"""The engine of a cluster: each shard of the fleet is one job in a queue in PostgreSQL (PgQueuer), never done.

A worker picks free jobs up to its fair share and visits their shards. It tells the queue every beat that it lives; the
jobs of one that does not are picked by others after the lapse, and taking the shard's lease over ends the token of the
process that had it. So a process that was believed dead and comes back writes nothing more, whatever the queue says.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from time import monotonic
from typing import Any, Final, Protocol

import asyncpg
import structlog
from attrs import define, field, frozen
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueEntrypoint, QueueManagerId
from pgqueuer.ports.repository import EntrypointExecutionParameter

from headend.notify.pausing import Pause, pause
from headend.scheduler.engine import Begin, Lease, Visiting
from headend.scheduler.inventory import Shard
from headend.storage.postgres.faults import FAULTS

#: Jobs of this name are shards; the payload is the shard's name.
_SHARD: Final = QueueEntrypoint("headend.shard")
#: By this name of their session the workers that are at it now are counted.
_SESSION: Final = "headend worker"
_PREPARING: Final = 0x48456E71
_NEVER_S: Final = 86_400.0

_log = structlog.get_logger()


class Leases(Protocol):
    """The register of who holds which shard, `Store.workers`."""

    async def take(self, token: int, shard: str) -> None:
        """Take a shard over; whoever held it has ended by that. Raises LeaseLost."""
        ...

    async def give_back(self, token: int, shard: str) -> None:
        """Visit a shard no more."""
        ...


@frozen
class Beats:
    """Seconds: how often a worker tells that it lives, and after how many it is believed dead."""

    beat_s: float = 1.0
    lapse_s: float = 10.0


@define(eq=False)
class _Held:
    """A shard at hand: its job in the queue, the work, and the task that does it."""

    shard: Shard
    job: Job
    work: Visiting
    task: "asyncio.Task[None]"


@define(eq=False)
class QueueEngine:
    """Shards by a queue in PostgreSQL, among all workers that are at it."""

    url: str = field(repr=False)
    leases: Leases
    token: int
    shards: Sequence[Shard]
    beats: Beats = field(factory=Beats)
    pause: Pause = pause
    _held: dict[str, _Held] = field(init=False, factory=dict)
    _stopping: asyncio.Event = field(init=False, factory=asyncio.Event)

    @property
    def held(self) -> tuple[str, ...]:
        """The shards at hand now."""
        return tuple(sorted(self._held))

    async def run(self, begin: Begin) -> None:
        """Visit whatever shards this worker is given, until `stop`; raises LeaseLost when its place is another's."""
        try:
            while not self._stopping.is_set():
                try:
                    async with _queue(self.url) as (queries, session):
                        await self._prepare(queries, session)
                        await self._serve(queries, session, begin)
                except FAULTS as error:
                    _log.warning("the queue can't be reached; going on with what is at hand", error=str(error))
                    await self.pause(self._stopping, self.beats.beat_s)
                    await self._reap(None)
        finally:
            for held in self._held.values():
                held.work.stop()
            await asyncio.gather(*(held.task for held in self._held.values()), return_exceptions=True)

    def stop(self) -> None:
        """Take no more shards, stop the work on those at hand."""
        self._stopping.set()

    async def _prepare(self, queries: Queries, session: "asyncpg.Connection[Any]") -> None:
        """The queue's tables, and a job for each shard."""
        async with session.transaction():
            await session.execute("SELECT pg_advisory_xact_lock($1)", _PREPARING)
            if not await queries.schema_is_installed():
                await queries.install()
            count = len(self.shards)
            await queries.enqueue(
                [_SHARD] * count,
                [shard.name.encode() for shard in self.shards],
                [0] * count,
                dedupe_key=[f"{_SHARD} {shard.name}" for shard in self.shards],
                on_conflict="skip",
            )

    async def _serve(self, queries: Queries, session: "asyncpg.Connection[Any]", begin: Begin) -> None:
        heard_since = monotonic()
        while not self._stopping.is_set():
            await self._beat(queries)
            await self._reap(queries)
            share = await self._share(session)
            await self._give_up(share)
            if len(self._held) < share:
                # A queue that was away, for others too, hears from everybody before anybody is believed dead.
                lapsed = monotonic() - heard_since > self.beats.lapse_s
                await self._pick(queries, share, begin, self.beats.lapse_s if lapsed else _NEVER_S)
            await self.pause(self._stopping, self.beats.beat_s)
        for held in self._held.values():
            held.work.stop()
        while self._held:
            await asyncio.wait([held.task for held in self._held.values()], timeout=self.beats.beat_s)
            await self._beat(queries)
            await self._reap(queries)

    async def _beat(self, queries: Queries) -> None:
        if self._held:
            await queries.update_heartbeat([held.job.id for held in self._held.values()])

    async def _share(self, session: "asyncpg.Connection[Any]") -> int:
        """How many shards are this worker's, by the workers that were heard of within the lapse."""
        alive = await session.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
            " AND (state = 'active' OR state_change > now() - $2::interval)",
            _SESSION,
            timedelta(seconds=self.beats.lapse_s),
        )
        return -(-len(self.shards) // max(1, int(alive)))

    async def _give_up(self, share: int) -> None:
        """Stop what is beyond the share; it goes back to the queue when its visits have ended."""
        for name in sorted(self._held)[share:]:
            self._held[name].work.stop()

    async def _pick(self, queries: Queries, share: int, begin: Begin, lapse_s: float) -> None:
        jobs = await queries.dequeue(
            batch_size=share - len(self._held),
            entrypoints={_SHARD: EntrypointExecutionParameter(concurrency_limit=0)},
            queue_manager_id=QueueManagerId(uuid.UUID(int=self.token)),
            global_concurrency_limit=share,
            heartbeat_timeout=timedelta(seconds=lapse_s),
        )
        known = {shard.name: shard for shard in self.shards}
        for job in jobs:
            name = (job.payload or b"").decode()
            if name in self._held:
                self._held[name].job = job  # our own, which we were late to speak for
            elif name in known:
                await self.leases.take(self.token, name)
                self._begin(known[name], job, begin)
            else:
                # A shard of another division of the fleet: its job is done for good.
                await queries.log_jobs([(job, "canceled", None)])

    def _begin(self, shard: Shard, job: Job, begin: Begin) -> None:
        work = begin(Lease(shard, self.token))
        task = asyncio.create_task(work.run(), name=f"shard {shard.name}")
        self._held[shard.name] = _Held(shard, job, work, task)
        _log.info("shard taken", shard=shard.name, held=len(self._held))

    async def _reap(self, queries: Queries | None) -> None:
        """Give back what has ended; raises what the work raised."""
        for name, held in list(self._held.items()):
            if not held.task.done():
                continue
            held.task.result()
            if queries is None:
                continue
            await self.leases.give_back(self.token, name)
            await queries.retry_job(held.job, timedelta(0), None)
            del self._held[name]
            _log.info("shard given back", shard=name, held=len(self._held))


@asynccontextmanager
async def _queue(url: str) -> AsyncIterator["tuple[Queries, asyncpg.Connection[Any]]"]:
    session = await asyncpg.connect(url, timeout=10.0, server_settings={"application_name": _SESSION})
    try:
        yield Queries(AsyncpgDriver(session)), session
    finally:
        with suppress(*FAULTS):
            await session.close(timeout=1.0)
