"""Whose logical device name is this: asked inside the association, before anything else is (safety rule 3)."""

from headend.dlms.axdr import EncodedData
from headend.dlms.errors import RemoteError
from headend.meters.inventory import Meter
from headend.meters.scaling import as_text
from headend.session.errors import AccessDenied, BadValue, WrongMeter
from headend.session.link import Link
from headend.session.plans import Plan


async def check_identity(link: Link, meter: Meter, plan: Plan) -> None:
    """Read the logical device name and compare; WrongMeter names both, AccessDenied where it can't be read."""
    result = (await link.ask(plan.ask_identity)).result
    if not isinstance(result, EncodedData):
        raise AccessDenied(meter.serial, plan.identity, result)
    try:
        found = as_text(result.decode())
    except RemoteError as error:
        raise BadValue(f"meter {meter.serial}: logical device name: {error}") from error
    if found != meter.logical_device_name:
        raise WrongMeter(meter.serial, meter.logical_device_name, found)
