"""The meters that one process visits: the whole inventory, or the lanes of its shard."""

from collections.abc import Mapping

from attrs import define, field, frozen

from headend.meters.inventory import Meter
from headend.scheduler.ports import FleetStore, Ours, everywhere


@frozen
class Shard:
    """A part of the fleet: whole lanes, so that a gateway's permits are counted in one place.

    `name` is `2/4` for the second of four, empty for the whole fleet.
    """

    name: str = ""
    holds: Ours = everywhere


@define(eq=False)
class Inventory:
    """Meters by serial, as they were when last read."""

    shard: Shard
    meters: Mapping[str, Meter] = field(init=False, factory=dict)
    #: Meters of other shards that were asked for since: a command that waits elsewhere is seen at each look.
    _elsewhere: set[str] = field(init=False, factory=set)

    async def read(self, store: FleetStore) -> None:
        """Read all of it again."""
        self.meters = {meter.serial: meter for meter in await store.meters() if self.shard.holds(meter)}
        self._elsewhere.clear()

    async def find(self, store: FleetStore, serial: str) -> Meter | None:
        """A meter, also one that was added since; whatever shard it is in."""
        return self.meters.get(serial) or await store.meter(serial)

    async def find_ours(self, store: FleetStore, serial: str) -> Meter | None:
        """A meter that this process visits, also one that was added since."""
        if serial in self._elsewhere:
            return None
        meter = await self.find(store, serial)
        if meter is None or self.shard.holds(meter):
            return meter
        self._elsewhere.add(serial)
        return None

    def is_ours(self, meter: Meter) -> bool:
        """Whether this process visits it."""
        return self.shard.holds(meter)
