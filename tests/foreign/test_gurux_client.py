"""gurux-dlms, an implementation that is not ours, reads a running simulator from a process of its own."""

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from simulator.associations import Role
from simulator.identity import derive_keys

pytestmark = pytest.mark.foreign

READER = Path(__file__).parent / "gurux_reader.py"
SEED = 7


@pytest.fixture(params=["wrapper", "hdlc"], scope="module")
def found(request):
    simulator = request.getfixturevalue(f"{request.param}_simulator")
    keys = derive_keys(SEED, 2, Role.SETTING)
    arguments = [b"HED00002".hex(), keys.encryption.hex(), keys.authentication.hex(), "5000"]
    reading = subprocess.run(
        [sys.executable, READER, request.param, str(simulator.meters[1]["port"]), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert reading.returncode == 0, reading.stderr
    return json.loads(reading.stdout.splitlines()[-1])


def test_it_reads_who_the_meter_is(found):
    assert (found["name"], found["serial"]) == ("SIM10000002", "10000002")


def test_it_reads_the_clock(found):
    assert abs(found["clock"] - time.time()) < 60


def test_it_reads_a_register_in_its_unit(found):
    assert 200 < found["voltage"] < 260
    assert found["unit"] == 35


def test_it_reads_a_days_worth_of_block_load_by_entry(found):
    assert found["columns"][:3] == ["0.0.1.0.0.255", "1.0.12.27.0.255", "1.0.1.29.0.255"]
    assert found["rows"] == 48
    assert {after - before for before, after in pairwise(found["moments"])} == {1800.0}
    assert min(found["watt_hours"]) > 0


def test_it_finds_the_relay_closed(found):
    assert (found["output_state"], found["control_state"]) == (True, 1)


def test_it_reads_the_object_list(found):
    assert {"0.0.96.3.10.255", "0.0.94.96.24.255", "1.0.99.1.0.255", "0.0.40.0.0.255"} <= set(found["objects"])
