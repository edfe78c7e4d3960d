"""A meter in memory: a server with a handful of objects, a line that can misbehave, and stores that keep count."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from attrs import evolve

from headend.dlms import axdr
from headend.dlms import connection as dlms
from headend.dlms.apdu import (
    ActionRequestNormal,
    ActionResponseNormal,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithList,
    SetRequestNormal,
    SetResponseNormal,
)
from headend.dlms.axdr import EncodedData
from headend.dlms.connection import ServerConnection, ServerParameters
from headend.dlms.enumerations import ActionResult, Authentication, DataAccessResult
from headend.dlms.gateway import GatewayServerFraming
from headend.dlms.hdlc import HdlcServerFraming
from headend.dlms.security import KeyContext
from headend.dlms.wrapper import WrapperServerFraming
from headend.meters.inventory import Meter
from headend.meters.registry import load_registry
from headend.session.ports import KeySet
from headend.session.visit import Visitor
from headend.transport.memory import memory_pair

NOW = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
MODEL = load_registry().get("is15959-single-phase")
TITLE = b"ABC\x00\x00\x00\x00\x01"
CLIENT_TITLE = b"HES\x00\x00\x00\x00\x01"
EK, AK = bytes(range(16)), bytes(range(0xD0, 0xE0))
PASSWORD = b"12345678"
METER = Meter(
    serial="10000001",
    logical_device_name="ABC10000001",
    model=MODEL.name,
    address="memory:meter",
    system_title=TITLE,
)
PUBLIC, READER, SETTING = 16, 32, 48


def key(class_id, obis, attribute):
    return class_id, obis, attribute


class ServerMeter:
    """What one meter has; `objects` maps (class, OBIS text, attribute) to Data, a DataAccessResult, or a callable."""

    def __init__(self):
        self.name = METER.logical_device_name
        self.title = TITLE
        self.keys = KeyContext(EK, AK)
        self.password = PASSWORD
        self.last_received = {SETTING: -1}
        self.refusal = dlms.Refusal.EXCEPTION
        self.own_counter = iter(range(1, 10_000_000))
        self.max_pdu_size = 0xFFFF
        self.conformance = dlms.FULL_CONFORMANCE
        self.takes_lists = True
        self.objects = {}
        self.actions = []
        self.seen = []
        self.connections = 0
        self.associations = []
        self.released = 0
        self.received = bytearray()
        self.hdlc = False
        self.behind = None  # network id and physical address, where a gateway with prefixes is in between
        # What goes wrong on the line:
        self.chunk = None  # octets of an answer at a time
        self.silent_after = None  # answers before it says nothing more
        self.hangs_up_after = None  # answers before it closes the connection
        self.last_answer = False  # whether it closes the connection behind the answer it sends now
        self.answers = 0
        self.tamper = None

    def counter_object(self):
        return axdr.double_long_unsigned(max(0, self.last_received[SETTING]))

    def offers(self):
        challenges = iter(lambda: b"StoC" * 4, None)
        security = dlms.Security(
            system_title=self.title,
            keys=self.keys,
            counters=self.own_counter,
            policy=0x30,
            peer_system_title=None,
            last_received=self.last_received[SETTING],
        )
        common = {"max_pdu_size": self.max_pdu_size, "conformance": self.conformance, "refusal": self.refusal}
        return {
            PUBLIC: ServerParameters(**common),
            READER: ServerParameters(authentication=Authentication.LLS, secret=self.password, **common),
            SETTING: ServerParameters(
                authentication=Authentication.HLS_GMAC, security=security, challenges=challenges, **common
            ),
        }

    async def serve(self, stream):
        self.connections += 1
        framing = HdlcServerFraming(1) if self.hdlc else WrapperServerFraming(1)
        if self.behind is not None:
            framing = GatewayServerFraming(framing, *self.behind)
        connection = ServerConnection(self.offers(), framing)
        while octets := await stream.read():
            self.received += octets
            for event in connection.receive(octets):
                self._take(connection, event)
            self.last_received[SETTING] = max(self.last_received[SETTING], connection.last_received(SETTING))
            if not await self._answer(stream, connection.take_output()):
                return

    async def _answer(self, stream, output):
        if self.tamper is not None:
            output = self.tamper(output)
        if self.silent_after is not None and self.answers >= self.silent_after:
            return True
        if self.hangs_up_after is not None and self.answers >= self.hangs_up_after:
            stream.close()
            return False
        self.answers += bool(output)
        step = self.chunk or len(output) or 1
        for start in range(0, len(output), step):
            if stream.ended:
                return False
            stream.write(output[start : start + step])
            await asyncio.sleep(0)
        if self.last_answer:
            stream.close()
        return not self.last_answer

    def _take(self, connection, event):
        match event:
            case dlms.AssociationOpened(client_sap=sap):
                self.associations.append(sap)
            case dlms.AssociationClosed():
                self.released += 1
            case dlms.RequestReceived(client_sap=sap, apdu=apdu):
                self.seen.append((sap, apdu))
                connection.respond(self._serve(sap, apdu), sap)

    def _serve(self, sap, apdu):
        match apdu:
            case GetRequestNormal(invoke=invoke, attribute=attribute, access=access):
                return GetResponseNormal(invoke, self._read(attribute, access))
            case GetRequestWithList(invoke=invoke, attributes=attributes):
                if not self.takes_lists:
                    return GetResponseNormal(invoke, DataAccessResult.OTHER_REASON)
                return GetResponseWithList(invoke, tuple(self._read(*item) for item in attributes))
            case SetRequestNormal(invoke=invoke, attribute=attribute, data=data):
                self.objects[key(attribute.class_id, str(attribute.instance), attribute.attribute)] = data.decode()
                return SetResponseNormal(invoke, DataAccessResult.SUCCESS)
            case ActionRequestNormal(invoke=invoke, method=method):
                self.actions.append((str(method.instance), method.method))
                return ActionResponseNormal(invoke, ActionResult.SUCCESS, None)
        raise AssertionError(apdu)

    def _read(self, attribute, access):
        name = str(attribute.instance)
        if name == "0.0.42.0.0.255":
            return EncodedData(axdr.encode(axdr.octet_string(self.name.encode())))
        if name == "0.0.43.1.3.255":
            return EncodedData(axdr.encode(self.counter_object()))
        value = self.objects.get(key(attribute.class_id, name, attribute.attribute), DataAccessResult.OBJECT_UNDEFINED)
        if callable(value):
            value = value(access)
        return value if isinstance(value, DataAccessResult) else EncodedData(axdr.encode(value))

    @property
    def saps_seen(self):
        return [sap for sap, _ in self.seen]


class Counters:
    """CounterStore in memory; every value given out, and whether any was given twice."""

    def __init__(self, start=1):
        self.next = start
        self.given = []
        self.blocks = []
        self.last_received = -1
        self.jumps = []
        self.gate = None

    async def reserve(self, meter, role, count):
        if self.gate is not None:
            await self.gate()
        block = range(self.next, self.next + count)
        self.next += count
        self.blocks.append(block)
        return block

    async def jump(self, meter, role, at_least):
        self.jumps.append(at_least)
        self.next = max(self.next, at_least)

    async def received(self, meter, role):
        return self.last_received

    async def advance_received(self, meter, role, counter):
        self.last_received = max(self.last_received, counter)


class Keys:
    def __init__(self, **changes):
        self.set = KeySet(CLIENT_TITLE, EK, AK, PASSWORD)
        self.set = evolve(self.set, **changes)

    async def keys(self, meter, role):
        return self.set


class House:
    """A visitor, one meter, and the tasks between them."""

    def __init__(self, **visitor):
        self.meter = ServerMeter()
        self.counters = Counters()
        self.keys = Keys()
        self.time = 0.0
        self.lent = 0
        self.on_lend = None
        self._tasks = set()
        self.settings = visitor

    def visitor(self):
        return Visitor(
            keys=self.keys,
            counters=self.counters,
            connect=self._lend,
            now=lambda: NOW,
            monotonic=lambda: self.time,
            random_bytes=lambda count: bytes(range(1, count + 1)),
            **self.settings,
        )

    def visit(self, role="setting", deadline_s=60.0, **changes):
        return self.visitor().visit(evolve(METER, **changes), MODEL, role, deadline_s)

    @asynccontextmanager
    async def _lend(self, address, deadline):
        self.lent += 1
        if self.on_lend is not None:
            self.on_lend(self.lent)
        ours, theirs = memory_pair()
        task = asyncio.ensure_future(self.meter.serve(theirs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            yield ours
        finally:
            ours.close()
            await asyncio.gather(task, return_exceptions=True)
