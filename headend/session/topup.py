"""Writing the prepaid account of a meter that keeps it itself (IS 15959: 0.0.94.96.21, 22 and 24)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from headend.dlms.axdr import double_long, octet_string
from headend.meters.clock import clock_octets
from headend.meters.model import MeterModel, Money, Prepaid, Register
from headend.session.errors import NotOffered
from headend.session.services import Services


async def write_balance(services: Services, model: MeterModel, paise: int) -> None:
    """Set the balance; AccessDenied, or NotOffered before anything is sent."""
    prepaid = _prepaid(services, model)
    register = _register(services, model, prepaid.balance)
    await services.set(register.reference, double_long(_amount(services, prepaid, paise)))


async def write_recharge(services: Services, model: MeterModel, paise: int, moment: datetime, zone: ZoneInfo) -> None:
    """Set amount and time of the last recharge; the time last, since it says that all is written."""
    prepaid = _prepaid(services, model)
    amount = _register(services, model, prepaid.last_recharge_amount)
    when = _register(services, model, prepaid.last_recharge_time)
    await services.set(amount.reference, double_long(_amount(services, prepaid, paise)))
    await services.set(when.reference, octet_string(clock_octets(moment, zone)))


def _prepaid(services: Services, model: MeterModel) -> Prepaid:
    if model.prepaid is None:
        raise NotOffered(f"meter {services.serial}: model {model.name} keeps no prepaid account")
    return model.prepaid


def _register(services: Services, model: MeterModel, name: str) -> Register:
    register = model.register(name)
    if register is None:
        raise NotOffered(f"meter {services.serial}: model {model.name} has no register {name!r}")
    return register


def _amount(services: Services, prepaid: Prepaid, paise: int) -> int:
    if prepaid.money is Money.PAISE:
        return paise
    if paise % 100:
        raise NotOffered(f"meter {services.serial}: it counts whole rupees, {paise} paise can't be written")
    return paise // 100
