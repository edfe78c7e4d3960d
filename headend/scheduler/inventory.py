"""The meters that one process visits: the whole inventory, or the lanes of its shard."""

from collections.abc import Callable, Mapping

from attrs import define, field, frozen

from headend.meters.inventory import Meter
from headend.scheduler.ports import FleetStore


@frozen
class Shard:
    """A part of the fleet: whole lanes, so that a gateway's permits are counted in one place."""

    name: str = ""
    holds: Callable[[str], bool] = lambda _: True


@define(eq=False)
class Inventory:
    """Meters by serial, as they were when last read."""

    shard: Shard
    meters: Mapping[str, Meter] = field(init=False, factory=dict)

    async def read(self, store: FleetStore) -> None:
        """Read all of it again."""
        self.meters = {meter.serial: meter for meter in await store.meters() if self.shard.holds(meter.lane_name)}

    async def find(self, store: FleetStore, serial: str) -> Meter | None:
        """A meter, also one that was added since; whatever shard it is in."""
        return self.meters.get(serial) or await store.meter(serial)

    def is_ours(self, meter: Meter) -> bool:
        """Whether this process visits it."""
        return self.shard.holds(meter.lane_name)
