"""The collectors of one process, a shard each: made when an engine gives a shard, told together, and seen as one."""

from collections import Counter
from collections.abc import Iterable

from attrs import define, evolve, field

from headend.app.wiring import Headend
from headend.meters.inventory import Meter
from headend.scheduler.collector import Collector
from headend.scheduler.engine import Lease
from headend.scheduler.figures import Figures, Standing
from headend.scheduler.plan import Schedule
from headend.scheduler.spans import added


@define(eq=False)
class ShardVisits:
    """A collector while its shard is ours; its place is free again when it has ended."""

    collector: Collector
    _crowd: "Collectors"

    async def run(self) -> None:
        """Visit the shard until `stop`."""
        try:
            await self.collector.run()
        finally:
            self._crowd.ended(self)

    def stop(self) -> None:
        """Start nothing more."""
        self.collector.stop()


@define(eq=False)
class Collectors:
    """Makes a collector for each shard that this process is given. `keeps_house`: see Collector."""

    headend: Headend
    keeps_house: bool = True
    _at_work: list[ShardVisits] = field(init=False, factory=list)
    #: How the shards stood that are visited no more: what was counted there stays counted.
    _past: list[Standing] = field(init=False, factory=list)

    def begin(self, lease: Lease) -> ShardVisits:
        """The work on a shard."""
        work = ShardVisits(self.headend.collector(lease.shard, keeps_house=self.keeps_house), self)
        self._at_work.append(work)
        return work

    def ended(self, work: ShardVisits) -> None:
        """The work on a shard has ended."""
        self._at_work.remove(work)
        self._past.append(evolve(work.collector.standing(), rounds=(), failing=(), blocked_lanes=(), oldest=None))

    def heard(self, meter: Meter, tasks: tuple[str, ...] = ()) -> None:
        """The meter called or pushed: who visits it does now what is due there, and these tasks."""
        for work in self._at_work:
            if work.collector.shard.holds(meter):
                work.collector.heard(meter, tasks)

    def reload(self, schedules: Iterable[Schedule]) -> None:
        """Go on with the configuration that the head-end has now."""
        wanted = tuple(schedules)
        for work in self._at_work:
            work.collector.ports = self.headend.ports()
            work.collector.reload(wanted)

    def standing(self) -> Standing:
        """How all of them stand."""
        told = [work.collector.standing() for work in self._at_work] + self._past
        return told[0] if len(told) == 1 else summed(told)


def summed(told: list[Standing]) -> Standing:
    """Several standings as one."""
    none = Figures()
    visits, commands = Counter[str](), Counter[str]()
    for each in told:
        visits.update(each.visits)
        commands.update(each.commands)
    return Standing(
        in_flight=sum(each.in_flight for each in told),
        waiting=sum(each.waiting for each in told),
        put_off=sum(each.put_off for each in told),
        oldest=min((each.oldest for each in told if each.oldest is not None), default=None),
        rounds=tuple(round_ for each in told for round_ in each.rounds),
        failing=tuple(failing for each in told for failing in each.failing),
        blocked_lanes=tuple(lane for each in told for lane in each.blocked_lanes),
        visits=dict(visits),
        commands=dict(commands),
        reads=sum(each.reads for each in told),
        took=added([each.took for each in told]) or none.took.spans(),
        reconnects=added([each.reconnects for each in told]) or none.reconnects.spans(),
    )
