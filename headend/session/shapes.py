"""What a meter tells about its own profiles and registers, read once per meter and firmware and kept."""

from collections import OrderedDict
from typing import Final, Protocol

from attrs import frozen

from headend.dlms.cosem import CaptureObject, ScalerUnit

#: Meters times profiles kept in memory: some 100 octets each, since equal shapes are kept once.
MOST_KEPT: Final = 200_000


@frozen
class ShapeKey:
    """Which shape: `firmware` as the meter shows it (a new one may capture anything), `profile` the model's name."""

    meter: str
    firmware: str
    profile: str


@frozen(cache_hash=True)
class Shape:
    """Capture objects in their order (none for single registers), their scalers, capture period in seconds."""

    captured: tuple[CaptureObject, ...]
    scalers: tuple[tuple[CaptureObject, ScalerUnit], ...]
    period: int | None


class ShapeCache(Protocol):
    """Keeps shapes; losing one costs a few round trips, nothing else."""

    async def load(self, key: ShapeKey) -> Shape | None:
        """The shape kept under that key."""
        ...

    async def save(self, key: ShapeKey, shape: Shape) -> None:
        """Keep a shape, in place of an older one."""
        ...


class MemoryShapes:
    """ShapeCache in this process; the entry used least recently goes first."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[ShapeKey, Shape] = OrderedDict()
        self._equal: dict[Shape, Shape] = {}

    async def load(self, key: ShapeKey) -> Shape | None:
        """The shape kept under that key."""
        shape = self._kept.get(key)
        if shape is not None:
            self._kept.move_to_end(key)
        return shape

    async def save(self, key: ShapeKey, shape: Shape) -> None:
        """Keep a shape, in place of an older one."""
        if len(self._equal) > self._most:
            self._equal.clear()
        self._kept[key] = self._equal.setdefault(shape, shape)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
