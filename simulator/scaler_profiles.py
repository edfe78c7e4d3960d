"""The scaler profiles 1.0.94.91.3-7.255: the scalers and units of the profiles, in one row each."""

from collections.abc import Sequence

from simulator import octets
from simulator import quantities as q
from simulator.associations import UTILITY
from simulator.billing import BILLING_QUANTITIES
from simulator.eventlogs import EVENT_QUANTITIES
from simulator.intervals import BLOCK_QUANTITIES, DAILY_QUANTITIES
from simulator.objects import CosemObject, constant, cosem_object
from simulator.quantities import Demand, Quantity

_Scaled = Quantity | Demand
_DEMANDS = (q.MAXIMUM_ACTIVE, q.MAXIMUM_APPARENT)
_INSTANTANEOUS: tuple[_Scaled, ...] = (
    *(q.VOLTAGE, q.PHASE_CURRENT, q.NEUTRAL_CURRENT, q.POWER_FACTOR, q.FREQUENCY),
    *(q.APPARENT, q.ACTIVE, q.ENERGY, q.APPARENT_ENERGY),
    *_DEMANDS,
    q.EXPORTED,
)


def scaler_profiles() -> list[CosemObject]:
    """All five: instantaneous, block load, daily load, billing, events."""
    return [
        _scaler_profile(3, _INSTANTANEOUS),
        _scaler_profile(4, BLOCK_QUANTITIES),
        _scaler_profile(5, DAILY_QUANTITIES),
        _scaler_profile(6, (*BILLING_QUANTITIES, *_DEMANDS)),
        _scaler_profile(7, EVENT_QUANTITIES),
    ]


def _scaler_profile(group_e: int, scaled: Sequence[_Scaled]) -> CosemObject:
    row = octets.structure(*map(_scaler_unit, scaled))
    return cosem_object(
        7,
        bytes((1, 0, 94, 91, group_e, 255)),
        {
            2: constant(octets.array([row]), UTILITY),
            3: constant(octets.array(item.scaler_column.definition for item in scaled), UTILITY),
            4: constant(octets.double_long_unsigned(0), UTILITY),
            5: constant(octets.enum(1), UTILITY),
            6: constant(scaled[0].scaler_column.definition, UTILITY),
            7: constant(octets.double_long_unsigned(1), UTILITY),
            8: constant(octets.double_long_unsigned(1), UTILITY),
        },
        version=1,
    )


def _scaler_unit(item: _Scaled) -> bytes:
    scaler = item.scaler if isinstance(item, Quantity) else 0
    return octets.scaler_unit(scaler, item.unit)
