"""The account of a meter that keeps it in Account, Credit and Token gateway (Blue Book 4.6); amounts in paise."""

from typing import TYPE_CHECKING

from headend.dlms.axdr.values import Data, Tag
from headend.dlms.enumerations import ActionResult
from simulator import octets
from simulator import quantities as q
from simulator.associations import HOME, SETTING, UTILITY
from simulator.objects import Attribute, CosemObject, Method, constant, cosem_object
from simulator.prepaid import UNSPECIFIED_TIME
from simulator.reading import take_int, take_octets

if TYPE_CHECKING:
    from simulator.meter import Meter

ACCOUNT_NAME = q.name("0.0.19.0.0")
CREDIT_NAME = q.name("0.0.19.10.0")
GATEWAY_NAME = q.name("0.0.19.40.0")

_PREPAYMENT, _ACTIVE = 2, 2
_TOKEN_CREDIT, _IN_USE, _EXHAUSTED = 0, 3, 4
_REMOTE = 0
_MONEY, _PAISE = 2, -2
_RUPEE = b"INR"


def account_objects() -> list[CosemObject]:
    """What such a meter has in place of the registers of IS 15959."""
    return [_account(), _credit(), _gateway()]


def _account() -> CosemObject:
    """Class 111: never less than nothing available; what is owed stands beside it."""
    nothing = constant(octets.double_long(0), HOME)
    names = octets.array([octets.octet_string(CREDIT_NAME)])
    return cosem_object(
        111,
        ACCOUNT_NAME,
        {
            2: constant(octets.structure(octets.enum(_PREPAYMENT), octets.enum(_ACTIVE)), HOME),
            3: constant(octets.unsigned(0), HOME),
            4: constant(octets.bit_string(b"\x80"), HOME),
            5: Attribute(lambda meter: octets.double_long(max(meter.balance, 0)), HOME),
            6: Attribute(lambda meter: octets.double_long(min(meter.balance, 0)), HOME),
            7: nothing,
            8: nothing,
            9: constant(names, UTILITY),
            10: constant(octets.array([]), UTILITY),
            11: constant(octets.array([]), UTILITY),
            12: constant(
                octets.array([octets.structure(octets.octet_string(CREDIT_NAME), octets.unsigned(100))]), UTILITY
            ),
            13: constant(octets.octet_string(UNSPECIFIED_TIME), UTILITY),
            14: constant(octets.octet_string(UNSPECIFIED_TIME), UTILITY),
            15: constant(_currency(), HOME),
            16: nothing,
            17: nothing,
            18: constant(octets.long_unsigned(0), UTILITY),
            19: constant(octets.double_long(0), UTILITY),
        },
    )


def _currency() -> bytes:
    name = bytes((Tag.UTF8_STRING, len(_RUPEE))) + _RUPEE
    return octets.structure(name, octets.integer(_PAISE), octets.enum(_MONEY))


def _credit() -> CosemObject:
    """Class 112: the one credit of this meter, and so its balance."""
    nothing = constant(octets.double_long(0), UTILITY)
    return cosem_object(
        112,
        CREDIT_NAME,
        {
            2: Attribute(lambda meter: octets.double_long(meter.balance), HOME),
            3: constant(octets.enum(_TOKEN_CREDIT), UTILITY),
            4: constant(octets.unsigned(1), UTILITY),
            5: nothing,
            6: nothing,
            7: constant(octets.bit_string(b"\x00"), UTILITY),
            8: Attribute(lambda meter: octets.enum(_IN_USE if meter.balance > 0 else _EXHAUSTED), HOME),
            9: nothing,
            10: nothing,
            11: constant(octets.octet_string(UNSPECIFIED_TIME), UTILITY),
        },
        {1: Method(_update, SETTING), 2: Method(_set, SETTING)},
    )


def _gateway() -> CosemObject:
    """Class 115."""
    return cosem_object(
        115,
        GATEWAY_NAME,
        {
            2: Attribute(lambda meter: octets.octet_string(meter.gateway.token), UTILITY),
            3: Attribute(lambda meter: octets.octet_string(meter.gateway.time), UTILITY),
            4: constant(octets.array([]), UTILITY),
            5: constant(octets.enum(_REMOTE), UTILITY),
            6: Attribute(
                lambda meter: octets.structure(octets.enum(meter.gateway.code), octets.bit_string(b"\x00")), UTILITY
            ),
        },
        {1: Method(_enter, SETTING)},
    )


def _update(meter: "Meter", value: Data | None) -> ActionResult:
    amount = 0 if value is None else take_int(value, Tag.DOUBLE_LONG)
    meter.prepaid.write_balance(meter.balance + amount, meter.energy)
    return ActionResult.SUCCESS


def _set(meter: "Meter", value: Data | None) -> ActionResult:
    if value is None:
        return ActionResult.TYPE_UNMATCHED
    meter.prepaid.write_balance(take_int(value, Tag.DOUBLE_LONG), meter.energy)
    return ActionResult.SUCCESS


def _enter(meter: "Meter", value: Data | None) -> ActionResult:
    if value is None:
        return ActionResult.TYPE_UNMATCHED
    time = meter.clock.octets(meter.clock.local(meter.now()))
    meter.gateway.enter(take_octets(value), time, meter.prepaid, meter.energy)
    return ActionResult.SUCCESS
