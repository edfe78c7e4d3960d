"""The same visit over every line that a meter may hang on, against simulated meters on real sockets."""

import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from server_meter import MODEL, Counters

from headend.dlms.hdlc import HdlcFraming
from headend.dlms.wrapper import WrapperFraming
from headend.meters.inventory import Meter
from headend.session.errors import WrongMeter
from headend.session.line import dial, framing_for
from headend.session.ports import KeySet
from headend.session.visit import Visitor
from headend.transport.address import parse_address
from headend.transport.kept import KeptConnections
from simulator.associations import Role
from simulator.export import CLIENT_TITLE
from simulator.fleet import Fleet
from simulator.keyed import Nonces
from simulator.scenario import Scenario
from simulator.server import MeterServer
from simulator.simulation import Simulation
from simulator.sites import gateways, own_ports


class Site:
    """A few simulated meters and a visitor for each."""

    def __init__(self, server, scheme):
        self.server = server
        self.scheme = scheme
        self.fleet = server.simulation.fleet
        self.counters = {}

    def meter(self, index=0):
        simulated = self.fleet.meters[index]
        place = self.server.simulation.places[simulated.identity.number]
        return Meter(
            serial=simulated.identity.serial,
            logical_device_name=simulated.identity.logical_device_name,
            model=MODEL.name,
            address=f"{self.scheme}://{place.host}:{place.port}",
            system_title=simulated.identity.system_title,
            server_sap=place.server_sap,
        )

    async def keys(self, serial, role):
        keys = self.fleet.by_serial(serial).keys(Role[role.upper()])
        return KeySet(CLIENT_TITLE, keys.encryption, keys.authentication, keys.secret)

    def visit(self, meter, role="setting", connect=dial):
        counters = self.counters.setdefault(meter.serial, Counters())
        visitor = Visitor(self, counters, connect, lambda: datetime.now(UTC), time.monotonic, secrets.token_bytes)
        return visitor.visit(meter, MODEL, role, 30.0)


@pytest.fixture
async def site(request):
    options = request.param
    fleet = Fleet.create(3, 1, Scenario(), lambda: int(time.time() * 1000))
    server = MeterServer(Simulation(fleet, Nonces(1), options.get("framing", "wrapper")))
    meters = fleet.meters
    sites = gateways(meters, "127.0.0.1", 0, 1) if options.get("gateway") else own_ports(meters, "127.0.0.1", 0)
    await server.listen(sites)
    yield Site(server, "hdlc+tcp" if options.get("framing") == "hdlc" else "tcp")
    await server.close()


LINES = pytest.mark.parametrize(
    "site", [{}, {"framing": "hdlc"}, {"gateway": True}], ids=["wrapper", "hdlc", "gateway"], indirect=True
)


@LINES
@pytest.mark.parametrize("role", ["setting", "reader"])
async def test_everything_that_a_visit_reads_comes_over_this_line(site, role):
    now = datetime.now(UTC)
    async with site.visit(site.meter(), role) as session:
        clock = await session.read_clock()
        relay = await session.read_relay()
        names = {reading.name for reading in await session.read_registers()}
        balance = await session.read_balance()
        rows = await session.read_profile("block_load", now - timedelta(days=1), now)
        nameplate = await session.read_undated("nameplate")
    assert abs(clock.deviation) < 60
    assert relay.connected
    assert {"energy_import", "voltage", "balance", "firmware"} <= names
    assert balance.paise > 0
    assert 46 <= len(rows.rows) <= 48
    assert nameplate["serial"] == site.meter().serial.encode()


@pytest.mark.parametrize("site", [{"gateway": True}], indirect=True)
async def test_one_connection_to_a_gateway_serves_one_meter_after_the_other(site):
    kept = KeptConnections()
    for index in (0, 1, 2, 0):
        meter = site.meter(index)
        async with site.visit(meter, connect=kept.borrow) as session:
            await session.confirm_identity()
    assert site.server.simulation.traffic.connections == 1
    kept.close()


@pytest.mark.parametrize("site", [{"gateway": True}], indirect=True)
async def test_another_meter_behind_the_gateway_is_noticed_by_its_name(site):
    first, second = site.meter(0), site.meter(1)
    swapped = evolve(first, server_sap=second.server_sap)
    with pytest.raises(WrongMeter) as caught:
        async with site.visit(swapped, "setting"):
            raise AssertionError("the block must not run")
    assert caught.value.found == second.logical_device_name


@pytest.mark.parametrize("site", [{"gateway": True}], indirect=True)
async def test_a_visit_that_fails_leaves_no_connection_for_the_next_meter(site):
    kept = KeptConnections()
    with pytest.raises(ZeroDivisionError):
        async with site.visit(site.meter(0), connect=kept.borrow):
            raise ZeroDivisionError
    async with site.visit(site.meter(1), connect=kept.borrow):
        pass
    assert site.server.simulation.traffic.connections == 2
    kept.close()


def test_the_address_decides_the_framing():
    assert isinstance(framing_for(parse_address("tcp://127.0.0.1:4059"), 48, 1), WrapperFraming)
    line = framing_for(parse_address("serial:///dev/ttyUSB0?physical=17&information=256"), 48, 1)
    assert isinstance(line, HdlcFraming)
    assert (line.server.upper, line.server.lower) == (1, 17)
