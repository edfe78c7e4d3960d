"""How orders about one meter are carried out, and what they answer. Money in paise, energy in Wh, power in W."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import UNSET

from simulator.associations import Role
from simulator.counters import Refused
from simulator.faults import Scripted
from simulator.identity import Identity
from simulator.meter import Meter
from simulator.orders import (
    Button,
    Change,
    ClearFaults,
    Ledger,
    Local,
    LogEvent,
    MeterState,
    OneMeterOrder,
    Reboot,
    Script,
)
from simulator.relay import Action, Edge
from simulator.server import MeterServer

_BUTTON = {"disconnect": Action.MANUAL_DISCONNECT, "reconnect": Action.MANUAL_RECONNECT}
_BY_ITSELF = {"disconnect": Action.LOCAL_DISCONNECT, "reconnect": Action.LOCAL_RECONNECT}

Answer = dict[str, Any]


def carry_out(server: MeterServer, meter: Meter, order: OneMeterOrder) -> Answer:
    """The answer to `order`; ValueError when the meter can't."""
    return _HANDLERS[type(order)](server, meter, order)


def change(meter: Meter, order: Change) -> Answer:
    """Change what the order gives, and tell the state after it."""
    if order.balance is not UNSET:
        meter.prepaid.write_balance(order.balance, meter.energy)
    if order.load is not UNSET:
        meter.set_demand(order.load)
    if order.relay_mode is not UNSET:
        meter.relay.control_mode = order.relay_mode
    if order.clock_offset is not UNSET:
        meter.clock.shift(meter.now(), int(order.clock_offset * 1000))
    if order.payment_mode is not UNSET:
        meter.set_payment_mode(order.payment_mode)
    if order.welded is not UNSET:
        meter.relay.welded = order.welded
    if order.identity is not UNSET:
        meter.shown = Identity(order.identity, meter.identity.maker)
    return meter_state(meter)


def meter_state(meter: Meter) -> Answer:
    """All that is worth knowing about a meter; money in paise, energy in Wh, power in W."""
    now = meter.now()
    return {
        "serial": meter.identity.serial,
        "shown": meter.shown.serial,
        "time": _iso(now),
        "clock_ahead": (meter.clock.local(now) - meter.local(now)) / 1000,
        "balance": meter.balance,
        "payment_mode": meter.prepaid.payment_mode,
        "energy": meter.energy / 1000,
        "power": meter.consumption.milliwatts(meter.local(now)) / 1000,
        "tampers": meter.events.tampers,
        "events": {log.name.lower(): count for log, count in meter.events.sequence.items()},
        "last_counter": {role.key_name: ledger.last for role, ledger in meter.counters.items()},
        **relay_state(meter),
    }


def relay_state(meter: Meter) -> Answer:
    """The relay and what was done to it."""
    relay = meter.relay
    return {
        "output_state": relay.output_state,
        "control_state": relay.control_state.value,
        "control_mode": relay.control_mode,
        "relay_edges": len(relay.edges),
        "relay_actions": relay.remote_actions,
        "duplicate_actuations": relay.duplicate_actuations,
    }


def ledger_state(meter: Meter, role: Role) -> Answer:
    """Counters as ranges, and what was refused."""
    ledger = meter.ledger(role)
    return {
        "last": ledger.last,
        "accepted": [list(closed) for closed in ledger.accepted],
        "count": ledger.count,
        "reused": ledger.reused,
        "refused": [
            {"counter": item.counter, "last": item.last_accepted, "at": _iso(item.at)} for item in ledger.refused
        ],
    }


def edge_state(meter: Meter, edge: Edge) -> Answer:
    """One relay edge."""
    return {
        "serial": meter.identity.serial,
        "at": _iso(edge.at),
        "connected": edge.connected,
        "cause": edge.cause.value,
    }


def _act(meter: Meter, action: Action) -> Answer:
    return {"outcome": meter.act(action).value, **relay_state(meter)}


def _log(meter: Meter, order: LogEvent) -> Answer:
    meter.log(order.code)
    return {"event_status_word": meter.events.status_word.hex()}


def _script(server: MeterServer, meter: Meter, order: Script) -> Answer:
    script = server.simulation.fleet.scriptable_faults(meter).script
    script.append(Scripted(order.fault, order.times, order.moment))
    return {"scripted": len(script)}


def _clear_faults(server: MeterServer, meter: Meter) -> Answer:
    server.simulation.fleet.scriptable_faults(meter).script.clear()
    return {"scripted": 0}


def _reboot(server: MeterServer, meter: Meter, order: Reboot) -> Answer:
    server.reboot(meter, order.seconds)
    return relay_state(meter)


def _refused(item: Refused) -> Answer:
    return {"counter": item.counter, "last": item.last_accepted, "at": _iso(item.at)}


def _iso(true: int) -> str:
    return datetime.fromtimestamp(true / 1000, UTC).isoformat()


_HANDLERS: dict[type, Callable[[MeterServer, Meter, Any], Answer]] = {
    MeterState: lambda _server, meter, _order: meter_state(meter),
    Ledger: lambda _server, meter, order: ledger_state(meter, Role[order.role.upper()]),
    Change: lambda _server, meter, order: change(meter, order),
    Button: lambda _server, meter, order: _act(meter, _BUTTON[order.press]),
    Local: lambda _server, meter, order: _act(meter, _BY_ITSELF[order.do]),
    LogEvent: lambda _server, meter, order: _log(meter, order),
    Script: _script,
    ClearFaults: lambda server, meter, _order: _clear_faults(server, meter),
    Reboot: _reboot,
}
