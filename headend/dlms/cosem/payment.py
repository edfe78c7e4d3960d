"""Value objects of account (IC 111), credit (112), charge (113), token gateway (115): Blue Book 4.6."""

from enum import IntEnum
from typing import Annotated

from attrs import frozen

from headend.dlms.axdr import BitString
from headend.dlms.cosem.layout import (
    Record,
    array_of,
    bits,
    enum,
    enum_of,
    i8,
    i16,
    obis,
    octets,
    record,
    u8,
    utf8,
)
from headend.dlms.cosem.obis import Obis
from headend.dlms.cosem.scripts import MonitoredValue


class PaymentMode(IntEnum):
    """First element of account_mode_and_status."""

    CREDIT = 1
    PREPAYMENT = 2


class AccountStatus(IntEnum):
    """Second element of account_mode_and_status."""

    NEW = 1
    ACTIVE = 2
    CLOSED = 3


class CreditType(IntEnum):
    """Attribute 3 of credit."""

    TOKEN = 0
    RESERVED = 1
    EMERGENCY = 2
    TIME_BASED = 3
    CONSUMPTION_BASED = 4


class CreditStatus(IntEnum):
    """Attribute 8 of credit."""

    ENABLED = 0
    SELECTABLE = 1
    SELECTED = 2
    IN_USE = 3
    CONSUMED = 4


class ChargeType(IntEnum):
    """Attribute 3 of charge."""

    CONSUMPTION_BASED = 0
    TIME_BASED = 1
    PAYMENT_EVENT_BASED = 2


class TokenDelivery(IntEnum):
    """Attribute 5 of token gateway."""

    REMOTE = 0
    LOCAL = 1
    MANUAL = 2


@frozen
class ModeAndStatus(Record):
    """Attribute 2 of account."""

    payment_mode: Annotated[PaymentMode, enum_of(PaymentMode)]
    status: Annotated[AccountStatus, enum_of(AccountStatus)]


@frozen
class CreditChargeConfiguration(Record):
    """Which charge is collected from which credit (attribute 11 of account)."""

    credit: Annotated[Obis, obis]
    charge: Annotated[Obis, obis]
    collection: Annotated[BitString, bits]


@frozen
class TokenGatewayConfiguration(Record):
    """How a token is split over credits, in percent (attribute 12 of account)."""

    credit: Annotated[Obis, obis]
    token_proportion: Annotated[int, u8]


@frozen
class Currency(Record):
    """Attribute 15 of account: amounts are integers x 10**scale; unit 0 time, 1 consumption, 2 money."""

    name: Annotated[str, utf8]
    scale: Annotated[int, i8]
    unit: Annotated[int, enum]


@frozen
class ChargeScaling(Record):
    """Powers of ten of the commodity and of the price."""

    commodity_scale: Annotated[int, i8]
    price_scale: Annotated[int, i8]


@frozen
class ChargeTableElement(Record):
    """The price of one tariff."""

    index: Annotated[bytes, octets]
    charge_per_unit: Annotated[int, i16]


@frozen
class UnitCharge(Record):
    """Attributes 5 and 6 of charge: what a unit of the commodity costs."""

    scaling: Annotated[ChargeScaling, record(ChargeScaling)]
    commodity: Annotated[MonitoredValue, record(MonitoredValue)]
    table: Annotated[tuple[ChargeTableElement, ...], array_of(record(ChargeTableElement))]


@frozen
class TokenStatus(Record):
    """Attribute 6 of token gateway."""

    code: Annotated[int, enum]
    data_value: Annotated[BitString, bits]
