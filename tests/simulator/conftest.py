import pytest

from headend.dlms import axdr
from headend.dlms.cosem import Obis
from simulator.associations import Role
from simulator.identity import Identity
from simulator.meter import Meter
from simulator.plan import MeterPlan
from simulator.tree import TREES

#: 2026-03-10 14:07:30 in India.
START = 1_773_131_850_000


class Hand:
    """A clock that a test moves by hand; milliseconds."""

    def __init__(self, at=START):
        self.at = at

    def __call__(self):
        return self.at

    def advance(self, *, seconds=0, hours=0, days=0):
        self.at += int((seconds + 3600 * (hours + 24 * days)) * 1000)


class Bench:
    """A meter on the bench: read, write and act by OBIS, as one role or another."""

    def __init__(self, plan=None, number=1):
        self.now = Hand()
        self.meter = Meter.create(Identity(number, "SIM"), plan or MeterPlan(block_depth=480), 1, self.now)

    def octets(self, class_id, obis, attribute=2, access=None, role=Role.SETTING):
        selection = None if access is None else (access.selector, access.parameters)
        return TREES[role].read(self.meter, role, (class_id, Obis(obis).octets, attribute), selection)

    def read(self, class_id, obis, attribute=2, access=None, role=Role.SETTING):
        found = self.octets(class_id, obis, attribute, access, role)
        return axdr.plain(axdr.decode(found)) if isinstance(found, bytes) else found

    def write(self, class_id, obis, value, attribute=2, role=Role.SETTING):
        return TREES[role].write(self.meter, role, (class_id, Obis(obis).octets, attribute), value)

    def act(self, class_id, obis, method, value=None, role=Role.SETTING):
        return TREES[role].perform(self.meter, role, (class_id, Obis(obis).octets, method), value)


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def new_bench():
    return Bench
