"""What commands look up by the name that a person typed."""

from headend.meters.inventory import Meter
from headend.storage.errors import UnknownMeter
from headend.storage.store import Store


async def meter_of(store: Store, serial: str) -> Meter:
    """The meter of that serial; raises UnknownMeter."""
    meter = await store.fleet.meter(serial)
    if meter is None:
        raise UnknownMeter(serial)
    return meter
