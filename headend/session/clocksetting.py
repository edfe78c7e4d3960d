"""Writing a meter's clock (IC 8, attribute 2; Blue Book 4.5.1), its deviation in the sign that the meter uses."""

from datetime import datetime
from zoneinfo import ZoneInfo

from headend.dlms.axdr import octet_string
from headend.dlms.cosem import CosemAttribute, CosemDateTime
from headend.meters.clock import DeviationSign, clock_octets
from headend.meters.model import MeterModel
from headend.meters.reading import ClockReading
from headend.session.services import Services

#: A time wrapped twice has two octets before its twelve.
_SIZE = 12


async def write_clock(
    services: Services, model: MeterModel, clock: CosemAttribute, moment: datetime, zone: ZoneInfo, like: ClockReading
) -> None:
    """Set the clock to an aware moment; AccessDenied where this role may not."""
    await services.set(clock, octet_string(clock_octets(moment, zone, _sign(model, like))))


def _sign(model: MeterModel, like: ClockReading) -> DeviationSign:
    if model.clock.sign != "either":
        return DeviationSign.INVERTED if model.clock.sign == "inverted" else DeviationSign.BLUE_BOOK
    if not CosemDateTime(like.raw[-_SIZE:]).deviation_specified:
        return DeviationSign.UNSPECIFIED
    return DeviationSign.INVERTED if like.inverted_sign else DeviationSign.BLUE_BOOK
