import csv
import stat
import tomllib

import pytest

from simulator.associations import Role
from simulator.export import ExportError, write_consumers, write_inventory, write_keys
from simulator.fleet import Fleet
from simulator.keyed import MeterAssociations, Nonces
from simulator.scenario import ConsumerSection, GroupSection, MeterSection, Scenario
from simulator.sites import Place

START = 1_773_131_850_000


def make_fleet(count=50, seed=1, scenario=None):
    return Fleet.create(count, seed, scenario or Scenario(), lambda: START)


def test_the_same_seed_makes_the_same_fleet():
    one, other = make_fleet(), make_fleet()
    for meter, twin in zip(one.meters, other.meters, strict=True):
        assert meter.identity == twin.identity
        assert meter.keys(Role.SETTING) == twin.keys(Role.SETTING)
        assert meter.energy == twin.energy


def test_another_seed_makes_other_keys_and_loads_for_the_same_serial_numbers():
    one, other = make_fleet(), make_fleet(seed=2)
    assert one.meters[0].identity == other.meters[0].identity
    assert one.meters[0].keys(Role.SETTING) != other.meters[0].keys(Role.SETTING)
    assert one.meters[0].energy != other.meters[0].energy


def test_a_meter_does_not_depend_on_how_many_there_are():
    assert make_fleet(3).meters[2].energy == make_fleet(30).meters[2].energy


def test_no_two_meters_share_a_name_title_key_or_consumer():
    fleet = make_fleet(2000)
    for of in (
        lambda meter: meter.identity.serial,
        lambda meter: meter.identity.logical_device_name,
        lambda meter: meter.identity.system_title,
        lambda meter: meter.identity.consumer_no,
        lambda meter: meter.keys(Role.SETTING).encryption,
        lambda meter: meter.keys(Role.READER).secret,
        lambda meter: meter.seed,
    ):
        assert len({of(meter) for meter in fleet.meters}) == 2000


def test_names_have_the_form_of_the_standard():
    identity = make_fleet(1).meters[0].identity
    assert identity.logical_device_name == "SIM" + identity.serial
    assert (len(identity.system_title), identity.system_title[:3]) == (8, b"SIM")
    assert len(identity.consumer_no) == 11
    assert identity.consumer_no.isdigit()


def test_loads_are_spread_around_the_mean():
    watts = [meter.consumption.curve.watts for meter in make_fleet(1000).meters]
    assert 200 <= min(watts) < 230
    assert 570 < max(watts) <= 600
    assert abs(sum(watts) / 1000 - 400) < 20


def test_a_meter_is_found_by_its_serial_number():
    fleet = make_fleet()
    assert fleet.by_serial("10000007") is fleet.meters[6]
    assert fleet.by_serial("7") is None


def test_the_keys_are_made_for_who_knocks_only():
    meter = make_fleet(1).meters[0]
    offers = MeterAssociations(meter, Nonces(5), 1000, {48})
    assert list(offers) == [48]
    assert 32 not in offers
    assert offers[48] is offers[48]
    assert offers[48].security.keys.encryption_key == meter.keys(Role.SETTING).encryption


def test_the_meters_own_counters_never_repeat_over_connections():
    meter, nonces = make_fleet(1).meters[0], Nonces(1000)
    first = MeterAssociations(meter, nonces, 1000)[48].security.counters
    second = MeterAssociations(meter, nonces, 1000)[48].security.counters
    assert [next(first), next(second), next(first)] == [1000, 1001, 1002]


def test_challenges_never_repeat():
    nonces = Nonces(5)
    challenges = [next(nonces.challenges) for _ in range(100)]
    assert len(set(challenges)) == 100
    assert next(Nonces(6).challenges) not in challenges


@pytest.fixture
def poor_fleet():
    scenario = Scenario(
        consumers=ConsumerSection(offices=("A/B/C",), tariff="flat", balance_source="meter", group="g"),
        group=(
            GroupSection("2", MeterSection(opening_balance_paise=-505), protected="medical equipment"),
            GroupSection("3", MeterSection(opening_balance_paise=5)),
        ),
    )
    return make_fleet(3, scenario=scenario)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_inventory_says_where_each_meter_is(tmp_path, poor_fleet):
    path = tmp_path / "meters.csv"
    write_inventory(path, poor_fleet, lambda meter: Place("127.0.0.1", 4058 + meter.identity.number, 1, ""))
    assert path.read_text().splitlines()[0] == (
        "serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone"
    )
    assert rows(path)[1] == {
        "serial": "10000002",
        "logical_device_name": "SIM10000002",
        "system_title": "53494d0000989682",
        "model": "is15959-single-phase",
        "address": "tcp://127.0.0.1:4060",
        "server_sap": "1",
        "lane": "",
        "office": "A/B/C",
        "consumer_no": "20000000002",
        "group": "g",
        "time_zone": "Asia/Kolkata",
    }


def test_the_inventory_names_gateways_as_lanes(tmp_path, poor_fleet):
    path = tmp_path / "meters.csv"
    write_inventory(path, poor_fleet, lambda _: Place("127.0.0.1", 1, 9, "gateway-1"), "hdlc+tcp")
    row = rows(path)[0]
    assert (row["address"], row["server_sap"], row["lane"]) == ("hdlc+tcp://127.0.0.1:1", "9", "gateway-1")


def test_the_consumers_have_their_opening_balance_in_rupees(tmp_path, poor_fleet):
    path = tmp_path / "consumers.csv"
    write_consumers(path, poor_fleet)
    assert path.read_text().splitlines()[0] == (
        "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance"
    )
    assert [row["opening_balance"] for row in rows(path)] == ["500.00", "-5.05", "0.05"]
    assert rows(path)[1] == {
        "consumer_no": "20000000002",
        "name": "Consumer 00002",
        "language": "hi",
        "mobile": "9000000002",
        "category": "domestic",
        "office": "A/B/C",
        "tariff": "flat",
        "protected": "medical equipment",
        "balance_source": "meter",
        "meter": "10000002",
        "opening_balance": "-5.05",
    }


def test_the_keys_are_those_that_the_meters_have(tmp_path, poor_fleet):
    path = tmp_path / "keys.toml"
    write_keys(path, poor_fleet)
    entries = tomllib.loads(path.read_text())["keys"]
    assert [(entry["meter"], entry["role"]) for entry in entries[:2]] == [
        ("10000001", "setting"),
        ("10000001", "reader"),
    ]
    keys = poor_fleet.meters[0].keys(Role.SETTING)
    assert entries[0]["ek"] == keys.encryption.hex()
    assert entries[0]["ak"] == keys.authentication.hex()
    assert entries[0]["master"] == keys.master.hex()
    assert bytes.fromhex(entries[1]["secret"]) == poor_fleet.meters[0].keys(Role.READER).secret
    assert len(bytes.fromhex(entries[0]["client_title"])) == 8


def test_only_the_owner_reads_the_keys(tmp_path, poor_fleet):
    path = tmp_path / "keys.toml"
    write_keys(path, poor_fleet)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("write", [write_consumers, write_keys])
def test_a_file_that_can_not_be_written_is_named(tmp_path, poor_fleet, write):
    with pytest.raises(ExportError, match=r"nowhere/file: No such file"):
        write(tmp_path / "nowhere" / "file", poor_fleet)
