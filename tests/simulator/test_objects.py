import pytest

from headend.dlms import axdr
from headend.dlms.cosem import Obis
from headend.dlms.enumerations import ActionResult, DataAccessResult, KeyId
from headend.dlms.security import key_transfer
from simulator.associations import Role
from simulator.control_objects import RELAY_NAME
from simulator.identity import Identity
from simulator.plan import MeterPlan
from simulator.prepaid import UNSPECIFIED_TIME
from simulator.tree import TREES

RELAY = str(Obis(RELAY_NAME))
BALANCE = "0.0.94.96.24.255"
NOON = bytes.fromhex("07ea030a020c000000feb600")


@pytest.mark.parametrize("role", list(Role))
def test_every_attribute_a_role_sees_has_octets_that_decode(bench, role):
    read = 0
    for item in TREES[role].objects:
        for number, attribute in item.attributes.items():
            found = bench.octets(item.class_id, item.logical_name, number, role=role)
            if role in attribute.readers:
                axdr.decode(found)
                read += 1
            else:
                assert found is DataAccessResult.READ_WRITE_DENIED
    assert read > 10


@pytest.mark.parametrize("role", list(Role))
def test_the_object_list_names_exactly_what_the_role_sees(bench, role):
    listed = {(item[0], bytes(item[2])) for item in bench.read(15, "0.0.40.0.0.255", role=role)}
    assert listed == {(item.class_id, item.logical_name) for item in TREES[role].objects if item.seen_by(role)}


def test_the_object_list_says_what_may_be_done(bench):
    listed = {bytes(item[2]): item[3] for item in bench.read(15, "0.0.40.0.0.255")}
    attributes, methods = listed[RELAY_NAME]
    assert [tuple(entry[:2]) for entry in attributes] == [(1, 1), (2, 1), (3, 1), (4, 3)]
    assert methods == [[1, 1], [2, 1]]
    attributes, _ = listed[Obis("1.0.99.1.0.255").octets]
    assert attributes[1] == [2, 1, [1, 2]]


@pytest.mark.parametrize("obis", ["0.0.43.1.1.255", "0.0.43.1.2.255", "0.0.43.1.3.255", "0.0.42.0.0.255"])
def test_the_public_client_reads_names_and_counters(bench, obis):
    assert not isinstance(bench.read(1, obis, role=Role.PUBLIC), DataAccessResult)


@pytest.mark.parametrize(("class_id", "obis"), [(3, "1.0.1.8.0.255"), (1, BALANCE), (70, RELAY)])
def test_the_public_client_reads_nothing_else(bench, class_id, obis):
    assert bench.read(class_id, obis, role=Role.PUBLIC) is DataAccessResult.READ_WRITE_DENIED


def test_the_display_at_home_sees_energy_and_credit_but_no_logs(bench):
    assert bench.read(3, "1.0.1.8.0.255", role=Role.DISPLAY) > 0
    assert bench.read(1, BALANCE, role=Role.DISPLAY) == 50_000
    assert bench.read(7, "0.0.99.98.0.255", role=Role.DISPLAY) is DataAccessResult.READ_WRITE_DENIED


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SETTING])
def test_only_the_setting_association_writes_and_acts(bench, role):
    assert bench.write(1, BALANCE, axdr.double_long(1), role=role) is DataAccessResult.READ_WRITE_DENIED
    assert bench.act(70, RELAY, 1, axdr.integer(0), role=role) is ActionResult.READ_WRITE_DENIED
    assert bench.meter.relay.remote_actions == 0


@pytest.mark.parametrize(
    ("class_id", "obis", "attribute", "result"),
    [
        (3, "1.0.99.99.0.255", 2, DataAccessResult.OBJECT_UNDEFINED),
        (1, "1.0.1.8.0.255", 2, DataAccessResult.OBJECT_CLASS_INCONSISTENT),
        (3, "1.0.1.8.0.255", 9, DataAccessResult.OBJECT_UNAVAILABLE),
        (3, "1.0.1.8.0.255", 0, DataAccessResult.OBJECT_UNAVAILABLE),
    ],
)
def test_what_is_not_there_is_refused_with_its_reason(bench, class_id, obis, attribute, result):
    assert bench.read(class_id, obis, attribute) is result
    assert bench.write(class_id, obis, axdr.null(), attribute) is result


def test_methods_that_are_not_there_are_refused_with_their_reason(bench):
    assert bench.act(70, "0.0.96.3.11.255", 1) is ActionResult.OBJECT_UNDEFINED
    assert bench.act(3, RELAY, 1) is ActionResult.OBJECT_CLASS_INCONSISTENT
    assert bench.act(70, RELAY, 3) is ActionResult.OBJECT_UNAVAILABLE


def test_the_relay_is_worked_by_its_methods_and_read_back(bench):
    assert bench.act(70, RELAY, 1, axdr.integer(0)) is ActionResult.SUCCESS
    assert (bench.read(70, RELAY, 2), bench.read(70, RELAY, 3)) == (False, 0)
    assert bench.act(70, RELAY, 2) is ActionResult.SUCCESS
    assert (bench.read(70, RELAY, 2), bench.read(70, RELAY, 3), bench.read(70, RELAY, 4)) == (True, 1, 4)


def test_the_relay_takes_no_other_parameter(bench):
    assert bench.act(70, RELAY, 1, axdr.octet_string(b"")) is ActionResult.TYPE_UNMATCHED
    assert bench.meter.relay.output_state is True


def test_the_control_mode_is_set_and_an_unknown_one_is_not(bench):
    assert bench.write(70, RELAY, axdr.enum(2), 4) is DataAccessResult.SUCCESS
    assert bench.write(70, RELAY, axdr.enum(7), 4) is DataAccessResult.OTHER_REASON
    assert bench.write(70, RELAY, axdr.unsigned(3), 4) is DataAccessResult.TYPE_UNMATCHED
    assert bench.read(70, RELAY, 4) == 2


def test_a_meter_that_never_disconnects_refuses(new_bench):
    bench = new_bench(MeterPlan(control_mode=0))
    assert bench.act(70, RELAY, 1, axdr.integer(0)) is ActionResult.OTHER_REASON
    assert bench.read(70, RELAY, 2) is True


def test_relay_edges_are_logged_as_events_301_and_302(bench):
    bench.act(70, RELAY, 1, axdr.integer(0))
    bench.now.advance(seconds=60)
    bench.act(70, RELAY, 2, axdr.integer(0))
    rows = bench.read(7, "0.0.99.98.6.255")
    assert [row[1] for row in rows] == [301, 302]
    assert (bench.read(1, "0.0.96.11.6.255"), bench.read(1, "0.0.96.15.6.255")) == (302, 2)


def test_a_welded_relay_is_logged_and_marked(bench):
    bench.meter.relay.welded = True
    bench.act(70, RELAY, 1, axdr.integer(0))
    assert (bench.read(70, RELAY, 2), bench.read(70, RELAY, 3)) == (True, 0)
    assert bench.read(1, "0.0.96.11.5.255") == 253
    assert bench.read(1, "0.0.94.91.18.255").bits.index("1") == 84


def test_no_energy_is_measured_while_the_relay_is_open(bench):
    bench.act(70, RELAY, 1, axdr.integer(0))
    before = bench.read(3, "1.0.1.8.0.255")
    bench.now.advance(hours=10)
    assert bench.read(3, "1.0.1.8.0.255") == before
    assert bench.read(3, "1.0.1.7.0.255") == 0
    assert bench.read(3, "1.0.11.7.0.255") == 0


def test_the_balance_falls_with_energy_at_the_tariff(new_bench):
    bench = new_bench(MeterPlan(watts=1000, spread=0, flat=True, tariff=700, opening_balance=1000))
    bench.now.advance(hours=1)
    assert bench.read(1, BALANCE) == 300
    bench.now.advance(hours=1)
    assert bench.read(1, BALANCE) == -400


def test_the_balance_is_written_and_falls_from_there(new_bench):
    bench = new_bench(MeterPlan(watts=1000, spread=0, flat=True, tariff=700))
    bench.now.advance(hours=5)
    assert bench.write(1, BALANCE, axdr.double_long(-250)) is DataAccessResult.SUCCESS
    assert bench.read(1, BALANCE) == -250
    bench.now.advance(hours=1)
    assert bench.read(1, BALANCE) == -950


def test_the_balance_takes_a_double_long_only(bench):
    assert bench.write(1, BALANCE, axdr.long(1)) is DataAccessResult.TYPE_UNMATCHED


def test_the_balance_stands_still_in_postpaid_mode(new_bench):
    bench = new_bench(MeterPlan(watts=1000, spread=0, flat=True, tariff=700, opening_balance=1000))
    bench.now.advance(hours=1)
    assert bench.write(1, "0.0.94.96.20.255", axdr.unsigned(0)) is DataAccessResult.SUCCESS
    bench.now.advance(hours=9)
    assert bench.read(1, BALANCE) == 300
    assert bench.write(1, "0.0.94.96.20.255", axdr.unsigned(1)) is DataAccessResult.SUCCESS
    bench.now.advance(hours=1)
    assert bench.read(1, BALANCE) == -400
    assert [row[1] for row in bench.read(7, "0.0.99.98.4.255")] == [211, 212]
    assert bench.write(1, "0.0.94.96.20.255", axdr.unsigned(2)) is DataAccessResult.OTHER_REASON


def test_the_last_recharge_is_written_and_read(bench):
    assert bench.read(1, "0.0.94.96.22.255") == UNSPECIFIED_TIME
    assert bench.write(1, "0.0.94.96.21.255", axdr.double_long(20_000)) is DataAccessResult.SUCCESS
    assert bench.write(1, "0.0.94.96.22.255", axdr.octet_string(NOON)) is DataAccessResult.SUCCESS
    assert bench.write(1, "0.0.94.96.23.255", axdr.double_long(90_000)) is DataAccessResult.SUCCESS
    assert bench.read(1, "0.0.94.96.21.255") == 20_000
    assert bench.read(1, "0.0.94.96.22.255") == NOON
    assert bench.read(1, "0.0.94.96.23.255") == 90_000
    assert bench.write(1, "0.0.94.96.22.255", axdr.octet_string(b"\x00")) is DataAccessResult.TYPE_UNMATCHED


def test_the_balance_is_as_of_now(bench):
    assert bench.read(1, "0.0.94.96.25.255") == bench.read(8, "0.0.1.0.0.255")


def test_the_clock_is_set_and_the_event_logged(bench):
    assert bench.write(8, "0.0.1.0.0.255", axdr.octet_string(NOON)) is DataAccessResult.SUCCESS
    assert bench.read(8, "0.0.1.0.0.255") == NOON
    assert bench.read(1, "0.0.96.11.3.255") == 151
    assert bench.read(1, "0.0.96.2.0.255") == 1
    assert bench.write(8, "0.0.1.0.0.255", axdr.octet_string(b"\xff" * 12)) is DataAccessResult.OTHER_REASON


def test_a_tamper_moves_the_count_and_the_status_word_until_it_ends(bench):
    bench.meter.log(201)
    assert bench.read(1, "0.0.94.91.0.255") == 1
    assert bench.read(1, "0.0.94.91.18.255").bits.index("1") == 81
    bench.meter.log(202)
    assert bench.read(1, "0.0.94.91.0.255") == 1
    assert "1" not in bench.read(1, "0.0.94.91.18.255").bits


def test_a_row_of_a_log_stays_what_it_was_when_more_happens(bench):
    bench.meter.log(201)
    first = bench.read(7, "0.0.99.98.4.255")
    bench.now.advance(hours=5)
    bench.meter.set_demand(9000)
    bench.meter.log(203)
    assert bench.read(7, "0.0.99.98.4.255")[:1] == first


def test_a_log_keeps_its_depth_and_the_sequence_number_goes_on(new_bench):
    bench = new_bench(MeterPlan(event_depth=3))
    for _ in range(5):
        bench.now.advance(seconds=1)
        bench.meter.log(101)
    assert bench.read(7, "0.0.99.98.2.255", 7) == 3
    assert bench.read(7, "0.0.99.98.2.255", 8) == 3
    assert bench.read(1, "0.0.96.15.2.255") == 5


def test_an_event_code_outside_the_standard_is_refused(bench):
    with pytest.raises(ValueError, match="999 belongs to no log"):
        bench.meter.log(999)


def test_a_meter_can_play_another_one(bench):
    bench.meter.shown = Identity(77, "SIM")
    assert bench.read(1, "0.0.42.0.0.255") == b"SIM10000077"
    assert bench.read(1, "0.0.96.1.0.255") == b"10000077"


def test_keys_are_transferred_wrapped_and_hold_from_then_on(bench):
    keys = bench.meter.keys(Role.SETTING)
    new = b"\x11" * 16
    transfer = key_transfer(keys.master, [(KeyId.UNICAST_ENCRYPTION, new)])
    assert bench.act(64, "0.0.43.0.3.255", 2, transfer) is ActionResult.SUCCESS
    assert bench.meter.keys(Role.SETTING).encryption == new
    assert bench.meter.keys(Role.SETTING).authentication == keys.authentication
    assert bench.read(1, "0.0.96.11.3.255") == 164


def test_keys_wrapped_under_another_master_are_refused(bench):
    before = bench.meter.keys(Role.SETTING)
    transfer = key_transfer(b"\x00" * 16, [(KeyId.UNICAST_ENCRYPTION, b"\x11" * 16)])
    assert bench.act(64, "0.0.43.0.3.255", 2, transfer) is ActionResult.TYPE_UNMATCHED
    assert bench.meter.keys(Role.SETTING) == before


def test_no_secret_is_shown_in_a_repr(bench):
    assert bench.meter.keys(Role.SETTING).encryption.hex() not in repr(bench.meter.keys(Role.SETTING))
    assert "encryption" not in repr(bench.meter.keys(Role.SETTING))
