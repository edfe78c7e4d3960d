"""Disconnect control (IC 70): read it, switch it once."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from headend.dlms.axdr import Data, integer
from headend.dlms.cosem import CosemMethod
from headend.dlms.enumerations import ActionResult, DataAccessResult
from headend.meters.reading import RelayState
from headend.session.errors import AccessDenied, BadValue, NotOffered
from headend.session.plans import Plan
from headend.session.services import Batch, Services

REMOTE_DISCONNECT: Final = 1
REMOTE_RECONNECT: Final = 2


async def read_relay(services: Services, plan: Plan, now: Callable[[], datetime]) -> RelayState:
    """Output state, control state and control mode, read together (Blue Book 4.5.8)."""
    batch = _relay(services, plan)
    values: list[Data] = []
    for attribute, result in zip(batch.attributes, await services.get_many(batch), strict=True):
        if isinstance(result, DataAccessResult):
            raise AccessDenied(services.serial, attribute, result)
        values.append(result)
    output, state, mode = (value.value for value in values)
    if not (isinstance(output, bool) and isinstance(state, int) and isinstance(mode, int)):
        shown = ", ".join(value.tag.label for value in values)
        raise BadValue(f"meter {services.serial}: relay state as {shown}: no boolean and two enumerations")
    return RelayState(output, state, mode, now())


async def switch_relay(services: Services, plan: Plan, method: int, sent: Callable[[], None]) -> ActionResult:
    """Invoke method 1 (disconnect) or 2 (reconnect) once; what became of the relay has to be read."""
    attribute = _relay(services, plan).attributes[0]
    return await services.action(CosemMethod(attribute.class_id, attribute.instance, method), integer(0), sent)


def _relay(services: Services, plan: Plan) -> Batch:
    if plan.relay is None:
        raise NotOffered(f"meter {services.serial}: model {plan.model.name} has no relay")
    return plan.relay
