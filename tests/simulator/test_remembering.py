"""What meters remember over the simulator's death."""

import pytest

from simulator.associations import Role
from simulator.fleet import Fleet
from simulator.relay import Action
from simulator.remembering import Memory, MemoryFileError, Recalled
from simulator.scenario import Scenario

START = 1_773_131_850_000


class Life:
    """One life of a simulator over the same file."""

    def __init__(self, path, at, *, seed=3, meters=2):
        self.at = at
        memory = Memory.open(path, seed, meters, self.at)
        clock = Recalled(lambda: self.at, memory.began)
        self.fleet = Fleet.create(meters, seed, Scenario(), clock)
        memory.recall(self.fleet, clock)
        self.meter = self.fleet.meters[0]

    def state(self):
        relay, ledger = self.meter.relay, self.meter.ledger(Role.SETTING)
        return (
            relay.edges,
            relay.output_state,
            relay.duplicate_actuations,
            ledger.accepted,
            ledger.refused,
            self.meter.energy,
            self.meter.balance,
            self.meter.events.sequence,
        )


def test_counters_relay_and_supply_are_as_they_were(tmp_path):
    first = Life(tmp_path / "memory", START)
    for at, counter in enumerate((5, 6, 9, 6)):
        first.at = START + at
        first.meter.ledger(Role.SETTING).offer(counter, first.at)
    first.at = START + 3_600_000
    first.meter.act(Action.REMOTE_DISCONNECT)
    first.meter.act(Action.REMOTE_DISCONNECT)
    first.at = START + 10_000_000
    second = Life(tmp_path / "memory", first.at)
    assert second.state() == first.state()
    assert second.meter.ledger(Role.SETTING).reused == 1
    assert second.meter.relay.duplicate_actuations == 1
    second.meter.ledger(Role.SETTING).offer(10, second.at)
    second.meter.act(Action.REMOTE_RECONNECT)
    third = Life(tmp_path / "memory", first.at)
    assert third.state() == second.state()
    assert [edge.connected for edge in third.meter.relay.edges] == [False, True]


def test_a_record_that_was_cut_off_is_forgotten_and_what_follows_it_is_not(tmp_path):
    path = tmp_path / "memory"
    Life(path, START).meter.act(Action.REMOTE_DISCONNECT)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[-17:-5])
    second = Life(path, START + 1000)
    assert len(second.meter.relay.edges) == 1
    second.meter.act(Action.REMOTE_RECONNECT)
    assert len(Life(path, START + 2000).meter.relay.edges) == 2


@pytest.mark.parametrize(("seed", "meters"), [(4, 2), (3, 5)])
def test_the_memory_of_another_fleet_is_refused(tmp_path, seed, meters):
    Life(tmp_path / "memory", START)
    with pytest.raises(MemoryFileError, match="another seed or size"):
        Life(tmp_path / "memory", START, seed=seed, meters=meters)


def test_a_place_that_holds_no_file_is_named(tmp_path):
    with pytest.raises(MemoryFileError, match="nowhere"):
        Life(tmp_path / "nowhere" / "memory", START)
