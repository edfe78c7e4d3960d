"""The transition table: whole, closed, and never left, whatever events a connection of either role is fed with."""

from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from headend.dlms import Ciphering, ClientConnection, LocalError, RemoteError, RequestReceived, ServerConnection, State
from headend.dlms.apdu import (
    ActionRequestNormal,
    DataNotification,
    ExceptionResponse,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    SetRequestNormal,
)
from headend.dlms.association import CLIENT, SERVER, Event, ours, theirs
from headend.dlms.axdr import EncodedData, octet_string
from headend.dlms.axdr import encode as encode_data
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis
from headend.dlms.enumerations import Authentication, ServiceError, StateError
from headend.dlms.wrapper import WrapperFraming, WrapperServerFraming, encode_wrapper

OVER = (State.RELEASED, State.REFUSED, State.BROKEN, State.CLOSED)
CLOCK = CosemAttribute(8, Obis.parse("0.0.1.0.0.255"), 2)
RESET = CosemMethod(9, Obis.parse("0.0.10.0.1.255"), 1)
LONG = EncodedData(encode_data(octet_string(bytes(range(200)))))


@pytest.mark.parametrize("table", [CLIENT, SERVER])
def test_every_state_of_the_table_is_defined_and_a_fault_or_end_is_possible_in_each(table):
    for state, events in table.items():
        assert set(events.values()) <= set(table)
        assert {Event.FAULT, Event.END} <= set(events)
        assert (events[Event.FAULT] in OVER) is True
        assert state in State


@pytest.mark.parametrize("table", [CLIENT, SERVER])
def test_nothing_leads_back_from_what_is_over(table):
    for state in OVER:
        assert set(table[state].values()) <= set(OVER)


@pytest.mark.parametrize("table", [CLIENT, SERVER])
def test_every_state_can_be_reached(table):
    reached, new = set(), {State.IDLE}
    while new:
        reached |= new
        new = {after for state in new for after in table[state].values()} - reached
    assert reached == set(table)


def test_only_proof_leads_from_authenticating_to_associated():
    for table in (CLIENT, SERVER):
        into = {
            (state, event)
            for state, events in table.items()
            for event, after in events.items()
            if after is State.ASSOCIATED and state in (State.IDLE, State.ASSOCIATING, State.AUTHENTICATING)
        }
        assert (State.AUTHENTICATING, Event.PROVEN) in into
        assert {event for state, event in into if state is State.AUTHENTICATING} == {Event.PROVEN}


def test_an_event_that_is_not_listed_is_its_causers_fault():
    with pytest.raises(LocalError, match="request is not possible while idle"):
        ours(CLIENT, State.IDLE, Event.REQUEST)
    with pytest.raises(RemoteError, match="the peer sent proven while associated"):
        theirs(CLIENT, State.ASSOCIATED, Event.PROVEN)


def closure(table):
    """For each state all that can follow it, in any number of steps."""
    after = {state: {state, *events.values()} for state, events in table.items()}
    for _ in table:
        after = {state: set().union(*(after[other] for other in others)) for state, others in after.items()}
    return after


AFTER = {"client": closure(CLIENT), "server": closure(SERVER)}

REQUESTS = st.sampled_from(
    [
        GetRequestNormal(0xC1, CLOCK),
        GetRequestNormal(0xC2, CLOCK),
        GetRequestWithList(0xC1, ((CLOCK, None), (CLOCK, None))),
        SetRequestNormal(0xC1, CLOCK, None, LONG),
        ActionRequestNormal(0xC1, RESET, LONG),
        ActionRequestNormal(0x81, RESET, None),
        GetResponseNormal(0xC1, LONG),
    ]
)
NOTIFICATION = DataNotification(1, b"", EncodedData(b"\x11\x07"))


class Conversation(RuleBasedStateMachine):
    """A client and a server, with a line between them that loses, repeats, damages and invents.

    Whatever happens: only `RemoteError` and `LocalError` come out, states follow the tables, counters only grow, and a
    client with HLS is associated only when the server proved itself to it.
    """

    authentication = Authentication.HLS_GMAC
    policy = 0x30
    kit = None

    @initialize(
        ciphering=st.sampled_from(Ciphering),
        size=st.sampled_from([70, 120, 65535]),
        chunk=st.sampled_from([1, 7, 30, 70000]),
        associated=st.booleans(),
    )
    def begin(self, ciphering, size, chunk, associated):
        kit = self.kit
        if not self.policy:
            ciphering = Ciphering.GLO
        security = {"ciphering": ciphering, "policy": self.policy}
        self.chunk = chunk
        self.client = ClientConnection(
            kit.client_parameters(authentication=self.authentication, max_pdu_size=size, security=security),
            WrapperFraming(48, 1),
        )
        self.server = ServerConnection(
            {
                48: kit.server_parameters(
                    authentication=self.authentication, max_pdu_size=size, security={"policy": self.policy}
                )
            },
            WrapperServerFraming(1),
        )
        self.to_server = []
        self.to_client = []
        self.old = [b""]
        self.waiting = []
        self.before = (State.IDLE, State.IDLE, -1, -1)
        if associated:
            self.associate()
            self.carry_over(3)

    def attempt(self, step):
        try:
            return step()
        except (RemoteError, LocalError):
            return []

    def collect(self):
        for connection, queue in ((self.client, self.to_server), (self.server, self.to_client)):
            octets = connection.take_output()
            while octets:
                length = 8 + int.from_bytes(octets[6:8], "big")
                queue.append(octets[:length])
                self.old.append(octets[:length])
                octets = octets[length:]

    @rule()
    def associate(self):
        self.attempt(self.client.associate)
        self.collect()

    @rule(request=REQUESTS)
    def send(self, request):
        self.attempt(lambda: self.client.send(request))
        self.collect()

    @rule()
    def release(self):
        self.attempt(self.client.release)
        self.collect()

    @rule()
    def wait(self):
        self.attempt(self.client.timeout)
        self.attempt(self.server.timeout)
        self.collect()

    def feed(self, connection, octets):
        events = []
        for at in range(0, len(octets), self.chunk):
            events += self.attempt(lambda at=at: connection.receive(octets[at : at + self.chunk]))
        if connection is self.server:
            self.waiting += [event.apdu for event in events if isinstance(event, RequestReceived) and event.confirmed]
        self.collect()

    @rule(times=st.integers(1, 6))
    def carry_over(self, times):
        for _ in range(times):
            if self.to_server:
                self.feed(self.server, self.to_server.pop(0))
            self.respond()
            if self.to_client:
                self.feed(self.client, self.to_client.pop(0))

    @rule(request=REQUESTS, times=st.integers(1, 12))
    def converse(self, request, times):
        self.send(request)
        self.carry_over(times)

    @rule()
    def respond(self):
        if self.waiting:
            request = self.waiting.pop(0)
            self.attempt(lambda: self.server.respond(self.kit.answer(request, LONG)))
            self.collect()

    @rule()
    def refuse(self):
        answer = ExceptionResponse(StateError.SERVICE_NOT_ALLOWED, ServiceError.OTHER_REASON)
        self.attempt(lambda: self.server.respond(answer))
        self.collect()

    @rule()
    def notify(self):
        self.attempt(lambda: self.server.notify(48, NOTIFICATION))
        self.collect()

    @rule(data=st.data(), to_client=st.booleans())
    def lose_or_damage(self, data, to_client):
        queue = self.to_client if to_client else self.to_server
        if queue:
            octets = bytearray(queue.pop(0))
            if data.draw(st.booleans()):
                octets[data.draw(st.integers(0, len(octets) - 1))] ^= data.draw(st.integers(1, 255))
                self.feed(self.client if to_client else self.server, bytes(octets))

    @rule(data=st.data(), to_client=st.booleans())
    def repeat(self, data, to_client):
        octets = data.draw(st.sampled_from(self.old[-20:]))
        if octets:
            self.feed(self.client if to_client else self.server, octets[:2] + self.ports(to_client) + octets[6:])

    @rule(apdu=st.binary(max_size=40), to_client=st.booleans())
    def invent(self, apdu, to_client):
        self.feed(self.client if to_client else self.server, encode_wrapper(*((1, 48) if to_client else (48, 1)), apdu))

    @staticmethod
    def ports(to_client):
        return b"\x00\x01\x00\x30" if to_client else b"\x00\x30\x00\x01"

    @rule(really=st.integers(0, 9))
    def end_the_stream(self, really):
        if really:
            return
        self.attempt(self.client.receive_eof)
        self.attempt(self.server.receive_eof)
        self.collect()

    @invariant()
    def states_follow_the_tables_and_counters_only_grow(self):
        if not hasattr(self, "before"):
            return
        client, server, client_counter, server_counter = self.before
        assert self.client.state in AFTER["client"][client]
        # A new AARQ begins a new association of the server's.
        assert self.server.state(48) in AFTER["server"][server] | AFTER["server"][State.IDLE]
        assert self.client.last_received >= client_counter
        assert self.server.last_received(48) >= server_counter
        self.before = (
            self.client.state,
            self.server.state(48),
            self.client.last_received,
            self.server.last_received(48),
        )

    @invariant()
    def an_associated_client_has_a_server_that_proved_itself(self):
        if hasattr(self, "client") and self.client.state in (State.ASSOCIATED, State.REQUESTING) and self.policy:
            assert self.client.last_received >= 7000


@pytest.mark.parametrize(
    ("authentication", "policy"),
    [
        (Authentication.HLS_GMAC, 0x30),
        (Authentication.HLS_SHA256, 0),
        (Authentication.LLS, 0x10),
        (Authentication.NONE, 0),
    ],
)
def test_no_conversation_leaves_the_table(kit, authentication, policy):
    machine = type("Conversation", (Conversation,), {"kit": kit, "authentication": authentication, "policy": policy})
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_conversation_without_trouble_gets_through(kit):
    """What the machine does in its best case, so that its rules are known to reach that far."""
    link = kit.link(kit.client_parameters(security={"counters": count(5)}))
    link.associate()
    assert link.ask(GetRequestNormal(0xC1, CLOCK)) == [GetResponseNormal(0xC1, link.value)]
    link.release()
    assert link.client.state is State.RELEASED
