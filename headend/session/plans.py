"""The requests that every visit to a kind of meter makes, encoded once per model."""

from attrs import frozen

from headend.dlms.apdu import GetRequestNormal
from headend.dlms.connection import PreparedRequest, prepare
from headend.dlms.cosem import CosemAttribute
from headend.meters.model import MeterModel, Register
from headend.session.parameters import RolePlan
from headend.session.services import INVOKE, Batch

_plans: dict[int, "Plan"] = {}


@frozen(eq=False)
class Plan:
    """Requests of one model; what the model does not have is None or empty."""

    model: MeterModel
    identity: CosemAttribute
    ask_identity: PreparedRequest
    clock: CosemAttribute
    relay: Batch | None
    registers: Batch
    scalers: Batch
    balance: Batch | None
    balance_register: Register | None
    balance_time: Register | None
    owed: Register | None
    roles: dict[str, RolePlan]


def plan_for(model: MeterModel) -> Plan:
    """The plan of a model, made at its first use and kept with it."""
    plan = _plans.get(id(model))
    if plan is None or plan.model is not model:
        plan = _plans[id(model)] = _make(model)
    return plan


def _make(model: MeterModel) -> Plan:
    identity = CosemAttribute(model.identity.class_id, model.identity.obis, 2)
    relay = model.relay
    scaler_references = [register.scaler_reference for register in model.registers]
    balance, balance_time, owed = _prepaid_registers(model)
    return Plan(
        model=model,
        identity=identity,
        ask_identity=prepare(GetRequestNormal(INVOKE, identity)),
        clock=CosemAttribute(model.clock.class_id, model.clock.obis, 2),
        relay=None if relay is None else Batch([CosemAttribute(relay.class_id, relay.obis, n) for n in (2, 3, 4)]),
        registers=Batch([register.reference for register in model.registers]),
        scalers=Batch([reference for reference in scaler_references if reference is not None]),
        balance=None
        if balance is None
        else Batch([r.reference for r in (balance, balance_time, owed) if r is not None]),
        balance_register=balance,
        balance_time=balance_time,
        owed=owed,
        roles={name: RolePlan.of(role) for name, role in model.roles.items()},
    )


def _prepaid_registers(model: MeterModel) -> tuple[Register | None, Register | None, Register | None]:
    """The balance, its time, and what is owed beside it."""
    prepaid = model.prepaid
    if prepaid is None:
        return None, None, None
    return model.register(prepaid.balance), model.register(prepaid.balance_time), model.register(prepaid.owed)
