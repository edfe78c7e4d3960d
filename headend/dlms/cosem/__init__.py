"""COSEM: the names and values that services speak about, whatever carries them."""

from headend.dlms.cosem.dates import CosemDate, CosemDateTime, CosemTime
from headend.dlms.cosem.obis import Obis
from headend.dlms.cosem.references import (
    CLOCK,
    CaptureObject,
    CosemAttribute,
    CosemMethod,
    SelectiveAccess,
    entry_access,
    range_access,
)
from headend.dlms.cosem.scalers import ScalerUnit
from headend.dlms.cosem.units import UNIT_CODES, UNIT_NAMES

__all__ = [
    "CLOCK",
    "UNIT_CODES",
    "UNIT_NAMES",
    "CaptureObject",
    "CosemAttribute",
    "CosemDate",
    "CosemDateTime",
    "CosemMethod",
    "CosemTime",
    "Obis",
    "ScalerUnit",
    "SelectiveAccess",
    "entry_access",
    "range_access",
]
