"""Writing the prepaid account of a meter that keeps it itself.

By registers that can only be set (IS 15959: 0.0.94.96.21, 22 and 24), by a Credit object (IC 112) or a token gateway
(IC 115; Blue Book 4.6).
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from headend.dlms.axdr import double_long, octet_string
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis
from headend.dlms.cosem.payment import TokenStatus
from headend.dlms.enumerations import ActionResult
from headend.dlms.errors import DecodeError
from headend.meters.clock import clock_octets
from headend.meters.model import MeterModel, Money, Prepaid, Register
from headend.session.errors import BadValue, NotOffered, TopUpRefused, TopUpUnanswered
from headend.session.services import Services

_CREDIT, _GATEWAY = 112, 115
_CURRENT_AMOUNT: Final = 2
_UPDATE_AMOUNT, _SET_AMOUNT, _ENTER = 1, 2, 1
_TOKEN, _TOKEN_STATUS = 2, 6

#: An ACTION that is answered with one of these did nothing. Any other failure may have come too late to stop it.
_NOTHING_DONE: Final = frozenset(
    {
        ActionResult.READ_WRITE_DENIED,
        ActionResult.OBJECT_UNDEFINED,
        ActionResult.OBJECT_CLASS_INCONSISTENT,
        ActionResult.OBJECT_UNAVAILABLE,
        ActionResult.TYPE_UNMATCHED,
        ActionResult.SCOPE_OF_ACCESS_VIOLATED,
    }
)


@frozen
class LastToken:
    """The token that a gateway took last, in hex, and what became of it: attributes 2 and 6 of IC 115."""

    token: str
    code: int


def token_of(amount: int, marker: datetime) -> bytes:
    """The token of a top-up: its time in seconds since 1970 and its amount in paise, 4 octets each.

    It is in clear: what makes it safe is the association that carries it. No two top-ups of a meter have one time.
    """
    return int(marker.timestamp()).to_bytes(4, "big") + amount.to_bytes(4, "big")


async def top_up(services: Services, model: MeterModel, before: int, amount: int, marker: datetime) -> None:
    """Add `amount` paise to a balance that shows `before`, once.

    AccessDenied, NotOffered and TopUpRefused when nothing was changed; anything else leaves that open.
    """
    prepaid = _prepaid(services, model)
    match prepaid.topup.by:
        case "registers":
            await write_balance(services, model, before + amount)
        case "credit":
            await _act(services, _credit(services, prepaid, _UPDATE_AMOUNT), _amount(services, prepaid, amount))
        case "credit-value":
            # What the credit itself holds: the balance of the account may be that of several.
            held = await services.get(CosemAttribute(_CREDIT, _obis(services, prepaid.topup.credit), _CURRENT_AMOUNT))
            if not isinstance(held.value, int) or isinstance(held.value, bool):
                raise NotOffered(f"meter {services.serial}: its credit is {held.tag.label}, not a whole number")
            value = held.value + _amount(services, prepaid, amount)
            await _act(services, _credit(services, prepaid, _SET_AMOUNT), value)
        case "token":
            method = CosemMethod(_GATEWAY, _obis(services, prepaid.topup.gateway), _ENTER)
            result = await services.action(method, octet_string(token_of(amount, marker)))
            _judge(services, result)


async def mark_recharge(services: Services, model: MeterModel, paise: int, moment: datetime, zone: ZoneInfo) -> None:
    """Set amount and time of the last recharge where the account is registers; elsewhere the meter marks it itself."""
    if _prepaid(services, model).topup.by == "registers":
        await write_recharge(services, model, paise, moment, zone)


async def read_token(services: Services, model: MeterModel) -> LastToken | None:
    """The token that the gateway took last; None where the model is not topped up by tokens. BadValue."""
    if model.prepaid is None or model.prepaid.topup.by != "token":
        return None
    gateway = _obis(services, model.prepaid.topup.gateway)
    token = await services.get(CosemAttribute(_GATEWAY, gateway, _TOKEN))
    status = await services.get(CosemAttribute(_GATEWAY, gateway, _TOKEN_STATUS))
    try:
        code = TokenStatus.from_data(status).code
    except DecodeError as error:
        raise BadValue(f"meter {services.serial}: the state of its token: {error}") from error
    if not isinstance(token.value, bytes):
        raise BadValue(f"meter {services.serial}: its token is {token.tag.label}, not octets")
    return LastToken(token.value.hex(), code)


async def write_balance(services: Services, model: MeterModel, paise: int) -> None:
    """Set the balance; AccessDenied, or NotOffered before anything is sent."""
    prepaid = _prepaid(services, model)
    if prepaid.topup.by != "registers":
        raise NotOffered(f"meter {services.serial}: its balance is no register that can be set")
    register = _register(services, model, prepaid.balance)
    await services.set(register.reference, double_long(_amount(services, prepaid, paise)))


async def write_recharge(services: Services, model: MeterModel, paise: int, moment: datetime, zone: ZoneInfo) -> None:
    """Set amount and time of the last recharge; the time last, since it says that all is written."""
    prepaid = _prepaid(services, model)
    amount = _register(services, model, prepaid.last_recharge_amount)
    when = _register(services, model, prepaid.last_recharge_time)
    await services.set(amount.reference, double_long(_amount(services, prepaid, paise)))
    await services.set(when.reference, octet_string(clock_octets(moment, zone)))


async def _act(services: Services, method: CosemMethod, steps: int) -> None:
    _judge(services, await services.action(method, double_long(steps)))


def _judge(services: Services, result: ActionResult) -> None:
    if result in _NOTHING_DONE:
        raise TopUpRefused(f"meter {services.serial}: {result.text}")
    if result is not ActionResult.SUCCESS:
        raise TopUpUnanswered(f"meter {services.serial}: {result.text}")


def _credit(services: Services, prepaid: Prepaid, method: int) -> CosemMethod:
    return CosemMethod(_CREDIT, _obis(services, prepaid.topup.credit), method)


def _obis(services: Services, obis: Obis | None) -> Obis:
    if obis is None:
        raise NotOffered(f"meter {services.serial}: its model names no object to top up by")
    return obis


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
