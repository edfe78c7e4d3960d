"""scaler_unit: what one step of an integer value means (Blue Book 4.3.2)."""

from attrs import frozen

from headend.dlms.axdr import Data, enum, integer, structure
from headend.dlms.cosem.reading import fields, number
from headend.dlms.cosem.units import UNIT_NAMES
from headend.dlms.errors import DecodeError

_NO_UNIT = 255


@frozen
class ScalerUnit:
    """value = integer x 10**scaler, in the unit of this code (255: a bare number)."""

    scaler: int = 0
    unit: int = _NO_UNIT

    @property
    def unit_name(self) -> str:
        """`Wh`, `V`, ...; empty for a bare number and for codes that the Blue Book does not define."""
        return UNIT_NAMES.get(self.unit, "")

    @classmethod
    def from_data(cls, data: Data) -> "ScalerUnit":
        """The scaler and unit in a structure of 2; DecodeError if it is none or the scaler is no int8."""
        scaler, unit = (number(item, "scaler or unit") for item in fields(data, 2, "scaler_unit"))
        if not (-128 <= scaler <= 127 and 0 <= unit <= 255):
            raise DecodeError(f"scaler {scaler} or unit {unit} is out of range")
        return cls(scaler, unit)

    def to_data(self) -> Data:
        """The structure that the standard defines."""
        return structure(integer(self.scaler), enum(self.unit))
