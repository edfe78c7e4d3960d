import json

import pytest

from simulator.control import Control
from simulator.faults import Fault
from simulator.fleet import Fleet
from simulator.keyed import Nonces
from simulator.relay import ControlState
from simulator.scenario import Scenario
from simulator.server import MeterServer
from simulator.simulation import Simulation
from simulator.sites import Place

START = 1_773_131_850_000
SERIAL = "10000001"


class Desk:
    """A control port without its socket."""

    def __init__(self):
        self.fleet = Fleet.create(2, 1, Scenario(), lambda: START)
        simulation = Simulation(self.fleet, Nonces(1))
        for number in (1, 2):
            simulation.places[number] = Place("127.0.0.1", 4058 + number, 1, "")
        self.stopped = []
        self.control = Control(MeterServer(simulation), lambda: self.stopped.append(True))
        self.meter = self.fleet.meters[0]

    def __call__(self, op, **keys):
        return self.control.answer(json.dumps({"op": op, **keys}).encode())


@pytest.fixture
def desk():
    return Desk()


def test_stats_count_over_all_meters(desk):
    desk("local", serial=SERIAL, do="disconnect")
    desk("button", serial="10000002", press="reconnect")
    stats = desk("stats")
    assert stats["ok"] is True
    assert (stats["meters"], stats["relay_edges"], stats["disconnected"]) == (2, 1, 1)
    assert (stats["duplicate_actuations"], stats["counters_reused"], stats["connections"], stats["apdus"]) == (0,) * 4


def test_meters_are_listed_with_their_places(desk):
    assert desk("meters")["meters"][1] == {
        "serial": "10000002",
        "host": "127.0.0.1",
        "port": 4060,
        "server_sap": 1,
    }


def test_the_state_of_a_meter_is_told(desk):
    state = desk("meter", serial=SERIAL)
    assert (state["balance"], state["output_state"], state["control_mode"]) == (50_000, True, 4)
    assert state["time"] == "2026-03-10T08:37:30+00:00"
    assert state["energy"] * 1000 == pytest.approx(desk.meter.energy)


def test_a_meter_is_changed_from_outside(desk):
    state = desk("set", serial=SERIAL, balance=-7, load=9000, relay_mode=2, clock_offset=-12.5, identity=2, welded=True)
    assert state["ok"] is True
    assert (state["balance"], state["control_mode"], state["clock_ahead"], state["shown"]) == (-7, 2, -12.5, "10000002")
    assert desk.meter.consumption.demand == 9000 * 1_000_000 // desk.meter.consumption.curve.watts
    assert desk.meter.relay.welded is True


def test_what_is_not_named_is_not_changed(desk):
    before = desk("meter", serial=SERIAL)
    assert desk("set", serial=SERIAL) == before


def test_the_button_is_pressed(desk):
    desk.meter.relay.control_mode = 2
    answer = desk("button", serial=SERIAL, press="disconnect")
    assert (answer["outcome"], answer["control_state"]) == ("moved", ControlState.READY)
    assert desk("button", serial=SERIAL, press="reconnect")["output_state"] is True
    edges = desk("edges")["edges"]
    assert [(edge["connected"], edge["cause"]) for edge in edges] == [(False, "manual"), (True, "manual")]
    assert edges[0]["serial"] == SERIAL


def test_edges_may_be_asked_of_one_meter(desk):
    desk("local", serial=SERIAL, do="disconnect")
    assert len(desk("edges", serial=SERIAL)["edges"]) == 1
    assert desk("edges", serial="10000002")["edges"] == []


def test_the_ledger_is_told(desk):
    from simulator.associations import Role

    for counter in (4, 5, 9, 5):
        desk.meter.ledger(Role.SETTING).offer(counter, START)
    answer = desk("ledger", serial=SERIAL)
    assert (answer["last"], answer["accepted"], answer["count"], answer["reused"]) == (9, [[4, 5], [9, 9]], 3, 1)
    assert answer["refused"] == [{"counter": 5, "last": 9, "at": "2026-03-10T08:37:30+00:00"}]
    assert desk("stats")["counters_reused"] == 1


def test_a_fault_is_scripted_and_cleared(desk):
    assert desk("fault", serial=SERIAL, fault="lose_action_answer")["scripted"] == 1
    assert desk("fault", serial=SERIAL, fault="drop", times=3, moment="get")["scripted"] == 2
    script = desk.fleet.faults(desk.meter).script
    assert (script[0].fault, script[1].times) == (Fault.LOSE_ACTION_ANSWER, 3)
    assert desk("clear_faults", serial=SERIAL)["scripted"] == 0
    assert not script


def test_an_event_is_logged(desk):
    assert desk("event", serial=SERIAL, code=251)["event_status_word"] == f"{1 << (127 - 83):032x}"
    assert desk("meter", serial=SERIAL)["events"] == {"non_rollover": 1}


def test_the_simulator_is_stopped(desk):
    assert desk("shutdown") == {"ok": True}
    assert desk.stopped == [True]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ({"op": "meter", "serial": "99"}, "no meter has the serial number 99"),
        ({"op": "meter"}, "serial"),
        ({"op": "fly"}, "fly"),
        ({}, "op"),
        ({"op": "set", "serial": SERIAL, "colour": 1}, "colour"),
        ({"op": "set", "serial": SERIAL, "relay_mode": 7}, "relay_mode"),
        ({"op": "button", "serial": SERIAL, "press": "hard"}, "hard"),
        ({"op": "event", "serial": SERIAL, "code": 351}, "code"),
        ({"op": "fault", "serial": SERIAL, "fault": "fire"}, "fire"),
    ],
)
def test_an_order_that_can_not_be_carried_out_is_answered_with_the_reason(desk, order, reason):
    answer = desk.control.answer(json.dumps(order).encode())
    assert answer["ok"] is False
    assert reason in answer["error"]


def test_a_line_that_is_no_json_is_answered(desk):
    assert desk.control.answer(b"hello")["ok"] is False
