"""The objects of an IS 15959 single-phase prepaid meter, as each role sees them; all meters share these trees."""

from typing import TYPE_CHECKING

from simulator.account_objects import account_objects
from simulator.association_objects import CURRENT, association, counters, security_setups
from simulator.associations import Role
from simulator.billing import BILLING
from simulator.control_objects import clock, prepaid, relay
from simulator.eventlogs import EVENT_LOGS
from simulator.instantaneous import INSTANTANEOUS
from simulator.intervals import BLOCK_LOAD, DAILY_LOAD
from simulator.nameplate import NAMEPLATE, names
from simulator.objects import CosemObject, ObjectTree
from simulator.push_setups import push_setups
from simulator.registers import counts, registers
from simulator.scaler_profiles import scaler_profiles

if TYPE_CHECKING:
    from simulator.meter import Meter

_PROFILES = (INSTANTANEOUS, BLOCK_LOAD, DAILY_LOAD, BILLING, NAMEPLATE, *EVENT_LOGS)


def _shared(payment: list[CosemObject]) -> list[CosemObject]:
    return [
        *names(),
        clock(),
        relay(),
        *payment,
        *registers(),
        *counts(),
        *(profile.cosem_object() for profile in _PROFILES),
        *scaler_profiles(),
        *push_setups(),
        *counters(),
        *security_setups(),
    ]


def _tree(role: Role, shared: list[CosemObject]) -> ObjectTree:
    own = bytes((0, 0, 40, 0, role.group_e, 255))
    # An association lists itself: made once to be listed, and once more with the list that it is in.
    itself = [association(role, (), name) for name in (CURRENT, own)]
    return ObjectTree([*shared, *(association(role, (*shared, *itself), name) for name in (CURRENT, own))])


def _trees(payment: list[CosemObject]) -> dict[Role, ObjectTree]:
    shared = _shared(payment)
    return {role: _tree(role, shared) for role in Role}


TREES = _trees(prepaid())
#: The same of meters that keep their account in the objects of the Blue Book.
ACCOUNT_TREES = _trees(account_objects())


def tree_of(meter: "Meter", role: Role) -> ObjectTree:
    """The objects of a meter as a role sees them."""
    trees = ACCOUNT_TREES if meter.plan.payment_objects == "account" else TREES
    return trees[role]
