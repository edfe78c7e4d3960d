from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.apdu import GetRequestNormal
from headend.dlms.connection import Associated
from headend.dlms.cosem import CosemAttribute, Obis
from headend.dlms.errors import DecodeError
from headend.dlms.wrapper import encode_wrapper
from simulator.associations import Role
from simulator.fleet import Fleet
from simulator.keyed import SERVED, Nonces
from simulator.scenario import Scenario
from simulator.simulation import Simulation
from simulator.stream import WrapperSplitter
from tests.simulator.visitor import Visitor

ENERGY = CosemAttribute(3, Obis("1.0.1.8.0.255"), 2)


def make_simulation():
    return Simulation(Fleet.create(1, 1, Scenario(), lambda: 1_773_131_850_000), Nonces(1000))


def talk(visitor, link, client_sap):
    """Carry octets between the two until the visitor has something to tell."""
    while True:
        reaction = link.feed_pdu(visitor.connection.take_output(), client_sap)
        events = visitor.connection.receive(reaction.output)
        if events:
            return events


def associated(simulation, role=Role.SETTING):
    meter = simulation.fleet.meters[0]
    visitor, link = Visitor(meter, role, counters=count(1)), simulation.link(meter, role, 1)
    visitor.connection.associate()
    assert isinstance(talk(visitor, link, role)[0], Associated)
    return visitor, link


@given(st.sampled_from(sorted(SERVED)), st.lists(st.binary(max_size=80), max_size=4))
def test_whatever_arrives_before_an_association_is_survived(client_sap, apdus):
    simulation = make_simulation()
    link = simulation.link(simulation.fleet.meters[0], client_sap, 1)
    for apdu in apdus:
        link.feed_pdu(encode_wrapper(client_sap, 1, apdu), client_sap)
    assert simulation.stats()["relay_actions"] == 0


@given(st.lists(st.binary(max_size=80), max_size=4))
def test_whatever_arrives_inside_an_association_leaves_it_standing(apdus):
    simulation = make_simulation()
    visitor, link = associated(simulation)
    for apdu in apdus:
        if apdu[:1] not in (b"\x60", b"\x62"):  # a new association or a release would end this one
            link.feed_pdu(encode_wrapper(Role.SETTING, 1, apdu), Role.SETTING)
    visitor.connection.send(GetRequestNormal(0xC1, ENERGY))
    assert talk(visitor, link, Role.SETTING)[0].result.decode().value > 0


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_whatever_arrives_on_an_hdlc_line_is_survived(chunks):
    simulation = make_simulation()
    line = simulation.line(simulation.fleet.meters[0], 1)
    for chunk in chunks:
        line.feed(chunk)
        line.timeout()
    assert simulation.stats()["relay_actions"] == 0


@given(st.data())
def test_a_damaged_request_is_never_served(data):
    simulation = make_simulation()
    visitor, link = associated(simulation)
    visitor.connection.send(GetRequestNormal(0xC1, ENERGY))
    pdu = bytearray(visitor.connection.take_output())
    # The first octet of the APDU is the only one that no tag covers: changed, it spends the counter and serves nothing.
    position = data.draw(st.integers(9, len(pdu) - 1))
    pdu[position] ^= data.draw(st.integers(1, 255))
    served, accepted = link.requests, simulation.fleet.meters[0].ledger(Role.SETTING).accepted
    link.feed_pdu(bytes(pdu), Role.SETTING)
    assert link.requests == served
    assert simulation.fleet.meters[0].ledger(Role.SETTING).accepted == accepted


@given(
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=8), st.data()
)
def test_a_stream_is_cut_into_the_same_pdus_in_whatever_chunks_it_comes(pdus, data):
    encoded = [encode_wrapper(*pdu) for pdu in pdus]
    stream, splitter, found = b"".join(encoded), WrapperSplitter(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert found == [(source, to, octets) for (source, to, _), octets in zip(pdus, encoded, strict=True)]


def test_a_stream_that_is_no_wrapper_is_not_believed():
    with pytest.raises(DecodeError, match="wrapper version"):
        WrapperSplitter().feed(b"GET / HTTP/1.1\r\n")
