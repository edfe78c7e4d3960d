"""Both roles of the link against each other over a line that drops, doubles, damages and reorders, by seed."""

import itertools
import random

import pytest

from headend.dlms.errors import RemoteError
from headend.dlms.hdlc import HdlcFraming, HdlcServerFraming, LinkParameters

PARAMETERS = [
    LinkParameters(),
    LinkParameters(40, 32, 1, 3),
    LinkParameters(64, 64, 7, 7),
    LinkParameters(2030, 2030, 3, 1),
]


class Line:
    """One direction: what `send` puts in, `arrive` gives out, less or more."""

    def __init__(self, rng, trouble):
        self._rng = rng
        self._trouble = trouble
        self._queue = []

    def send(self, octets):
        at = 0
        while at < len(octets):
            end = at + 2 + int.from_bytes(octets[at + 1 : at + 3]) % 2048
            self._put(octets[at:end])
            at = end

    def _put(self, frame):
        kind = (
            self._rng.choice(["drop", "double", "damage", "reorder", "cut"])
            if self._rng.random() < self._trouble
            else ""
        )
        if kind == "drop":
            return
        if kind == "damage":
            at = self._rng.randrange(len(frame))
            frame = frame[:at] + bytes((frame[at] ^ 1 << self._rng.randrange(8),)) + frame[at + 1 :]
        if kind == "cut":
            frame = frame[: self._rng.randrange(len(frame))]
        self._queue.append(frame)
        if kind == "double":
            self._queue.append(frame)
        if kind == "reorder" and len(self._queue) > 1:
            self._queue[-2:] = reversed(self._queue[-2:])

    def arrive(self):
        octets = b"".join(self._queue)
        self._queue.clear()
        cuts = sorted(self._rng.randrange(len(octets) + 1) for _ in range(self._rng.randrange(3)))
        edges = [0, *cuts, len(octets)]
        return [octets[a:b] for a, b in itertools.pairwise(edges) if a < b]


class Meter:
    """Answers each request with twice its octets, and remembers what it was asked to do."""

    def __init__(self, parameters):
        self.framing = HdlcServerFraming(1, 17, parameters=parameters)
        self.asked = []

    def feed(self, octets):
        self._work(self.framing.feed(octets))

    def timeout(self):
        self._work(self.framing.timeout())

    def _work(self, apdus):
        for apdu in apdus:
            self.asked.append(apdu)
            self.framing.wrap(apdu + apdu)


def converse(seed, trouble, parameters, requests):
    """The answers, whether an error ended it, and the meter; never more than a bounded number of turns."""
    rng = random.Random(seed)
    client, meter = HdlcFraming(16, 1, 17, parameters=parameters, attempts=6), Meter(PARAMETERS[2])
    there, back = Line(rng, trouble), Line(rng, trouble)
    answers = []
    asked = 0
    client.connect()
    try:
        for _ in range(20_000):
            if client.connected and asked == len(answers) and asked < len(requests):
                client.wrap(requests[asked])
                asked += 1
            if len(answers) == len(requests):
                return answers, None, meter
            there.send(client.take_output())
            for chunk in there.arrive():
                meter.feed(chunk)
            back.send(meter.framing.take_output())
            chunks = back.arrive()
            for chunk in chunks:
                answers += client.feed(chunk)
            if not chunks:
                meter.timeout()
                back.send(meter.framing.take_output())
                answers += client.timeout()
    except RemoteError as error:
        return answers, error, meter
    raise AssertionError("the conversation never ends")


def requests_of(seed):
    rng = random.Random(seed)
    return [bytes((number,)) + rng.randbytes(rng.choice([1, 30, 130, 700])) for number in range(12)]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
def test_a_good_line_brings_everything_once(parameters):
    requests = requests_of(0)
    answers, error, meter = converse(0, 0, parameters, requests)
    assert error is None
    assert answers == [request + request for request in requests]
    assert meter.asked == requests


@pytest.mark.parametrize("parameters", PARAMETERS, ids=str)
@pytest.mark.parametrize("trouble", [0.05, 0.2, 0.4])
def test_a_bad_line_brings_everything_once_or_ends_with_an_error(parameters, trouble):
    whole = 0
    for seed in range(60):
        requests = requests_of(seed)
        answers, error, meter = converse(seed, trouble, parameters, requests)
        expected = [request + request for request in requests]
        assert answers == expected[: len(answers)], seed
        assert meter.asked == requests[: len(meter.asked)], seed
        assert error is not None or answers == expected, seed
        whole += error is None
    assert whole >= {0.05: 58, 0.2: 45, 0.4: 15}[trouble]
