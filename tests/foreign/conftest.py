import json
import subprocess
import sys
from contextlib import contextmanager

import pytest


class RunningSimulator:
    """A simulator in a process of its own, as it announced itself."""

    def __init__(self, process, ready):
        self.process = process
        self.meters = ready["meters"]
        self.control_port = ready["control"]

    @property
    def port(self):
        return self.meters[0]["port"]


@contextmanager
def running_simulator(*arguments):
    command = [sys.executable, "-m", "simulator", "run", "--port", "0", "--json", "--control-port", "0", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield RunningSimulator(process, json.loads(process.stdout.readline()))
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.fixture(scope="module")
def wrapper_simulator():
    with running_simulator("--meters", "2", "--seed", "7") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def hdlc_simulator():
    with running_simulator("--meters", "2", "--seed", "7", "--framing", "hdlc") as simulator:
        yield simulator
