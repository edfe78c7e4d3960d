"""What can be written to the meter or done to it: clock, relay, prepaid registers."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from headend.dlms.axdr.values import Data, Tag
from headend.dlms.enumerations import ActionResult
from simulator import octets
from simulator import quantities as q
from simulator.associations import EVERYBODY, HOME, SETTING, UTILITY
from simulator.objects import Attribute, CosemObject, Method, Perform, constant, cosem_object
from simulator.profiles import CLOCK_NAME
from simulator.reading import take_int, take_time
from simulator.relay import TRANSITIONS, Action, Outcome

if TYPE_CHECKING:
    from simulator.meter import Meter

RELAY_NAME = q.name("0.0.96.3.10")
#: No clock of this meter knows daylight saving: its begin and end name no instant.
_NEVER = b"\xff" * 9 + b"\x80\x00\xff"
_INTERNAL_CRYSTAL = 1


def clock() -> CosemObject:
    """Class 8 (Blue Book 4.5.1); everybody reads it, the setting association sets it."""
    never = constant(octets.octet_string(_NEVER), UTILITY)
    return cosem_object(
        8,
        CLOCK_NAME,
        {
            2: Attribute(_time, EVERYBODY, _set_time, SETTING),
            3: Attribute(_time_zone, UTILITY),
            4: constant(octets.unsigned(0), UTILITY),
            5: never,
            6: never,
            7: constant(octets.integer(0), UTILITY),
            8: constant(octets.boolean(False), UTILITY),  # noqa: FBT003 - the value
            9: constant(octets.enum(_INTERNAL_CRYSTAL), UTILITY),
        },
    )


def relay() -> CosemObject:
    """Class 70 (Blue Book 4.5.8)."""
    return cosem_object(
        70,
        RELAY_NAME,
        {
            2: Attribute(lambda meter: octets.boolean(meter.relay.output_state), HOME),
            3: Attribute(lambda meter: octets.enum(meter.relay.control_state), HOME),
            4: Attribute(lambda meter: octets.enum(meter.relay.control_mode), UTILITY, _set_control_mode, SETTING),
        },
        {
            1: Method(_act(Action.REMOTE_DISCONNECT), SETTING),
            2: Method(_act(Action.REMOTE_RECONNECT), SETTING),
        },
    )


def prepaid() -> list[CosemObject]:
    """Payment mode, last recharge and balance, 0.0.94.96.20-25.255; amounts in paise."""

    def amount(group_e: int, read: Callable[["Meter"], int], write: Callable[["Meter", int], None]) -> CosemObject:
        return _data(
            group_e,
            Attribute(
                lambda meter: octets.double_long(read(meter)),
                HOME,
                lambda meter, value: write(meter, take_int(value, Tag.DOUBLE_LONG)),
                SETTING,
            ),
        )

    return [
        _data(19, constant(octets.unsigned(0), UTILITY)),
        _data(20, Attribute(lambda meter: octets.unsigned(meter.prepaid.payment_mode), HOME, _set_mode, SETTING)),
        amount(21, lambda meter: meter.prepaid.last_recharge, _set_last_recharge),
        _data(
            22,
            Attribute(
                lambda meter: octets.octet_string(meter.prepaid.last_recharge_time), HOME, _set_recharge_time, SETTING
            ),
        ),
        amount(23, lambda meter: meter.prepaid.total_at_last_recharge, _set_total),
        amount(24, lambda meter: meter.balance, _set_balance),
        _data(25, Attribute(_time, HOME, _set_balance_time, SETTING)),
    ]


def _data(group_e: int, value: Attribute) -> CosemObject:
    return cosem_object(1, bytes((0, 0, 94, 96, group_e, 255)), {2: value})


def _time(meter: "Meter") -> bytes:
    return octets.octet_string(meter.clock.octets(meter.clock.local(meter.now())))


def _set_time(meter: "Meter", value: Data) -> None:
    meter.set_clock(take_time(value))


def _time_zone(meter: "Meter") -> bytes:
    return octets.long(meter.clock.zone_minutes * (meter.clock.deviation or -1))


def _act(action: Action) -> Perform:
    def perform(meter: "Meter", value: Data | None) -> ActionResult:
        if value is not None:
            take_int(value, Tag.INTEGER)
        refused = meter.act(action) is Outcome.REFUSED
        return ActionResult.OTHER_REASON if refused else ActionResult.SUCCESS

    return perform


def _set_control_mode(meter: "Meter", value: Data) -> None:
    mode = take_int(value, Tag.ENUM)
    if mode >= len(TRANSITIONS):
        raise ValueError(f"control mode {mode} is not defined")
    meter.relay.control_mode = mode
    meter.programmed()


def _set_mode(meter: "Meter", value: Data) -> None:
    meter.set_payment_mode(take_int(value, Tag.UNSIGNED, Tag.ENUM))


def _set_last_recharge(meter: "Meter", paise: int) -> None:
    meter.prepaid.last_recharge = paise


def _set_recharge_time(meter: "Meter", value: Data) -> None:
    meter.prepaid.last_recharge_time = take_time(value)


def _set_total(meter: "Meter", paise: int) -> None:
    meter.prepaid.total_at_last_recharge = paise


def _set_balance(meter: "Meter", paise: int) -> None:
    meter.prepaid.write_balance(paise, meter.energy)


def _set_balance_time(_meter: "Meter", value: Data) -> None:
    # The balance is computed anew whenever it is read, so its time is the clock's, whatever is written here.
    take_time(value)
