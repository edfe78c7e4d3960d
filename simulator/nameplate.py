"""Who the meter is, as objects: logical device name, serial number, and the nameplate profile 0.0.94.91.10.255."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from headend.dlms.axdr.values import Tag
from simulator import octets
from simulator import quantities as q
from simulator.associations import EVERYBODY, UTILITY
from simulator.captures import Capture, Listed
from simulator.objects import Attribute, CosemObject, cosem_object
from simulator.profiles import Profile
from simulator.registers import data
from simulator.rows import Column, Value

if TYPE_CHECKING:
    from simulator.meter import Meter

LOGICAL_DEVICE_NAME = q.name("0.0.42.0.0")
SERIAL_NUMBER = q.name("0.0.96.1.0")

_SINGLE_PHASE = 6
_CATEGORY = b"D1"
_YEAR = 2024

#: Each line of the nameplate: its name, how it is coded and what it says.
_PLATE: tuple[tuple[bytes, Tag, Callable[["Meter"], Value]], ...] = (
    (SERIAL_NUMBER, Tag.OCTET_STRING, lambda meter: meter.shown.serial.encode()),
    (q.name("0.0.96.1.2"), Tag.OCTET_STRING, lambda meter: meter.shown.logical_device_name.encode()),
    (q.name("0.0.96.1.1"), Tag.OCTET_STRING, lambda meter: meter.plan.manufacturer.encode()),
    (q.name("1.0.0.2.0"), Tag.OCTET_STRING, lambda meter: meter.plan.firmware.encode()),
    (q.name("0.0.94.91.9"), Tag.UNSIGNED, lambda _: _SINGLE_PHASE),
    (q.name("0.0.94.91.11"), Tag.OCTET_STRING, lambda _: _CATEGORY),
    (q.name("0.0.94.91.12"), Tag.OCTET_STRING, lambda meter: meter.plan.rated_current.encode()),
    (q.name("0.0.96.1.4"), Tag.LONG_UNSIGNED, lambda _: _YEAR),
)
_CODED: dict[Tag, Callable[..., bytes]] = {
    Tag.OCTET_STRING: octets.octet_string,
    Tag.UNSIGNED: octets.unsigned,
    Tag.LONG_UNSIGNED: octets.long_unsigned,
}


def _once(meter: "Meter") -> Listed:
    at = meter.now()
    return Listed([Capture(meter.clock.local(at), at)])


def _rows(meter: "Meter", captures: Sequence[Capture]) -> Iterable[Sequence[Value]]:
    return ([value(meter) for _, _, value in _PLATE] for _ in captures)


NAMEPLATE = Profile(
    q.name("0.0.94.91.10"), tuple(Column(1, name, 2, tag, text=True) for name, tag, _ in _PLATE), _once, _rows
)


def names() -> list[CosemObject]:
    """The objects that say who the meter is; its logical device name and serial number are for everybody."""
    return [
        data(
            LOGICAL_DEVICE_NAME,
            lambda meter: octets.octet_string(meter.shown.logical_device_name.encode()),
            EVERYBODY,
        ),
        *(_line(*line) for line in _PLATE),
        cosem_object(17, q.name("0.0.41.0.0"), {2: Attribute(_logical_devices, EVERYBODY)}),
    ]


def _line(name: bytes, tag: Tag, value: Callable[["Meter"], Value]) -> CosemObject:
    coded = _CODED[tag]
    readers = EVERYBODY if name == SERIAL_NUMBER else UTILITY
    return data(name, lambda meter: coded(value(meter)), readers)


def _logical_devices(meter: "Meter") -> bytes:
    name = octets.octet_string(meter.shown.logical_device_name.encode())
    return octets.array([octets.structure(octets.long_unsigned(1), name)])
