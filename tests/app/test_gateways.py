"""Meters behind one gateway are visited over one connection; meters with a place each keep none."""

import time
from contextlib import asynccontextmanager

import pytest
from attrs import evolve

from headend.app import open_headend
from headend.app.sharedplaces import SharedPlaces
from headend.meters.inventory import Meter
from headend.session.errors import NotReachable
from headend.settings import load_settings
from headend.storage.kek import create_kek_file
from simulator.fleet import Fleet
from simulator.keyed import Nonces
from simulator.scenario import Scenario
from simulator.server import MeterServer
from simulator.simulation import Simulation
from simulator.sites import gateways, own_ports


@asynccontextmanager
async def site(folder, *, gateway=True, extra=""):
    """(a head-end that reads as the public client, its meters in one lane, the simulator's count of traffic)."""
    fleet = Fleet.create(3, 1, Scenario(), lambda: int(time.time() * 1000))
    server = MeterServer(Simulation(fleet, Nonces(1)))
    await server.listen(
        gateways(fleet.meters, "127.0.0.1", 0, 1) if gateway else own_ports(fleet.meters, "127.0.0.1", 0)
    )
    create_kek_file(folder / "headend.kek")
    file = folder / "headend.toml"
    file.write_text(
        f'[store]\npath = "headend.db"\n[keys]\nkek_file = "headend.kek"\n[collection]\nrole = "public"\n{extra}'
    )
    try:
        async with open_headend(load_settings(str(file), {}), armed=False) as headend:
            yield headend, [_meter(server, each) for each in fleet.meters], server.simulation.traffic
    finally:
        await server.close()


def _meter(server, simulated):
    place = server.simulation.places[simulated.identity.number]
    return Meter(
        serial=simulated.identity.serial,
        logical_device_name=simulated.identity.logical_device_name,
        model="is15959-single-phase",
        address=f"tcp://{place.host}:{place.port}",
        system_title=simulated.identity.system_title,
        server_sap=place.server_sap,
        lane="gateway-1",
    )


async def visit(headend, *meters):
    for meter in meters:
        async with headend.open_session(meter) as session:
            await session.confirm_identity()


async def test_meters_behind_a_gateway_share_its_connection_from_the_second_visit_on(tmp_path):
    async with site(tmp_path) as (headend, meters, traffic):
        await visit(headend, *meters, *meters)
        assert traffic.connections == 2
        assert traffic.overlapping == 0


async def test_nothing_is_kept_where_the_configuration_says_so(tmp_path):
    async with site(tmp_path, extra="keep_connections = false\n") as (headend, meters, traffic):
        await visit(headend, *meters)
        assert traffic.connections == 3


async def test_nothing_is_kept_where_a_lane_has_several_visits_at_once(tmp_path):
    async with site(tmp_path, extra="lane_permits = 2\n") as (headend, meters, traffic):
        await visit(headend, *meters)
        assert traffic.connections == 3


async def test_nothing_is_kept_of_meters_with_a_place_each(tmp_path, until):
    async with site(tmp_path, gateway=False) as (headend, meters, traffic):
        await visit(headend, *meters, *meters)
        assert traffic.connections == 6
        await until(lambda: traffic.open == 0)


async def test_a_kept_connection_that_the_gateway_ends_is_made_anew(tmp_path, until):
    async with site(tmp_path) as (headend, meters, traffic):
        await visit(headend, *meters)
        headend.close()
        await until(lambda: traffic.open == 0)
        await visit(headend, *meters)
        assert traffic.connections == 3


async def test_what_is_kept_is_closed_with_the_head_end(tmp_path, until):
    async with site(tmp_path) as (headend, meters, traffic):
        await visit(headend, *meters)
        assert traffic.open == 1
        headend.close()
        await until(lambda: traffic.open == 0)


async def test_a_gateway_that_is_gone_is_told_by_each_visit(tmp_path):
    async with site(tmp_path) as (headend, meters, _):
        await visit(headend, *meters[:2])
        headend.close()
        gone = [evolve(meter, address="tcp://127.0.0.1:1") for meter in meters]
        for meter in gone:
            with pytest.raises(NotReachable):
                await visit(headend, meter)


def test_a_place_is_shared_once_two_meters_of_a_lane_were_visited_there_in_a_row():
    places = SharedPlaces()
    first, second = (
        Meter(serial=serial, logical_device_name=serial, model="", address="tcp://10.0.0.1", lane="lane")
        for serial in ("1", "2")
    )
    elsewhere = evolve(first, address="tcp://10.0.0.2")
    assert [places.visited(each) for each in (first, first, elsewhere, first, second, first)] == [
        *[False] * 4,
        *[True] * 2,
    ]


@pytest.mark.parametrize("address", ["udp://10.0.0.1", "serial:///dev/ttyUSB0", "dial-in:", "nonsense"])
def test_only_tcp_is_kept(address):
    places = SharedPlaces()
    meters = [
        Meter(serial=serial, logical_device_name=serial, model="", address=address, lane="lane") for serial in "12"
    ]
    assert not any(places.visited(meter) for meter in meters * 2)
