"""The push setups (IC 40, Blue Book 4.4.8): what a meter of this kind pushes, at intervals and as an alert."""

from typing import TYPE_CHECKING, Final

from headend.dlms.cosem.obis import Obis
from simulator import octets
from simulator import quantities as q
from simulator.associations import UTILITY
from simulator.objects import Attribute, CosemObject, constant, cosem_object
from simulator.profiles import CLOCK_NAME

if TYPE_CHECKING:
    from simulator.meter import Meter

#: Class, logical name, attribute: what the tree is asked for.
Address = tuple[int, bytes, int]

_CLASS: Final = 40
_DEVICE_ID: Final = (1, q.name("0.0.96.1.2"), 2)
_CLOCK: Final = (8, CLOCK_NAME, 2)
_STATUS_WORD: Final = (1, q.name("0.0.94.91.18"), 2)
_MEASURED: Final = (
    *(q.VOLTAGE, q.PHASE_CURRENT, q.NEUTRAL_CURRENT, q.POWER_FACTOR, q.FREQUENCY),
    *(q.APPARENT, q.ACTIVE, q.ENERGY, q.APPARENT_ENERGY),
)

INSTANTANEOUS: Final = Obis("0.0.25.9.0.255").octets
ALERT: Final = Obis("0.4.25.9.0.255").octets

#: What each push setup sends, in this order: device id, the setup's own name, the time, then what it is about.
PUSHED: Final[dict[bytes, tuple[Address, ...]]] = {
    INSTANTANEOUS: (
        _DEVICE_ID,
        (_CLASS, INSTANTANEOUS, 1),
        _CLOCK,
        *((3, item.logical_name, 2) for item in _MEASURED),
    ),
    ALERT: (_DEVICE_ID, (_CLASS, ALERT, 1), _CLOCK, _STATUS_WORD),
}


def push_setups() -> list[CosemObject]:
    """Both push setups, version 0; nothing of them can be written."""
    return [_push_setup(name, pushed) for name, pushed in PUSHED.items()]


def _push_setup(name: bytes, pushed: tuple[Address, ...]) -> CosemObject:
    destination = octets.structure(octets.enum(0), octets.octet_string(b""), octets.enum(0))
    return cosem_object(
        _CLASS,
        name,
        {
            2: constant(octets.array(map(_object, pushed)), UTILITY),
            3: constant(destination, UTILITY),
            4: Attribute(_no_windows, UTILITY),
            5: constant(octets.long_unsigned(0), UTILITY),
            6: constant(octets.unsigned(0), UTILITY),
            7: constant(octets.long_unsigned(0), UTILITY),
        },
    )


def _no_windows(_: "Meter") -> bytes:
    return octets.array(())


def _object(address: Address) -> bytes:
    class_id, name, attribute = address
    return octets.structure(
        octets.long_unsigned(class_id),
        octets.octet_string(name),
        octets.integer(attribute),
        octets.long_unsigned(0),
    )
