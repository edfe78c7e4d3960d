"""Which places are gateways: where a lane's visits go to one meter after the other at the same host and port."""

from collections import OrderedDict
from typing import Final, TypeVar

from headend.meters.inventory import Meter
from headend.transport.address import Address, Medium, parse_address
from headend.transport.errors import AddressError

_Value = TypeVar("_Value")

#: Lanes and gateways remembered; one that is forgotten costs a connection or two until it is known again.
_MOST: Final = 65_536


class SharedPlaces:
    """Learns from the visits themselves, so nobody has to say what a gateway is.

    A lane may also be a cell of meters with a connection each: there keeping one would only occupy the meter.
    """

    __slots__ = ("_last", "_shared")

    def __init__(self) -> None:
        self._last: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._shared: OrderedDict[str, None] = OrderedDict()

    def visited(self, meter: Meter) -> bool:
        """A visit to `meter` begins: whether its place has been seen to serve other meters too."""
        address = _address(meter)
        if address is None or address.medium is not Medium.TCP:
            return False
        place = address.place
        last = self._last.get(meter.lane)
        _remember(self._last, meter.lane, (place, meter.serial))
        if place not in self._shared and (last is None or last[0] != place or last[1] == meter.serial):
            return False
        _remember(self._shared, place, None)
        return True


def _address(meter: Meter) -> Address | None:
    """None where it is wrong: the visit itself says so."""
    try:
        return parse_address(meter.address)
    except AddressError:
        return None


def _remember(known: "OrderedDict[str, _Value]", key: str, value: _Value) -> None:
    known[key] = value
    known.move_to_end(key)
    if len(known) > _MOST:
        known.popitem(last=False)
