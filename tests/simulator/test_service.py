import pytest

from headend.dlms.apdu import (
    AccessAction,
    AccessGet,
    AccessRequest,
    AccessSet,
    ActionRequestNormal,
    ActionRequestWithList,
    DataNotification,
    GetRequestNormal,
    GetRequestWithList,
    SetRequestNormal,
    SetRequestWithList,
)
from headend.dlms.axdr import EncodedData, double_long, encode, integer, null
from headend.dlms.cosem import CosemAttribute, CosemMethod, Obis, entry_access
from headend.dlms.enumerations import ActionResult, DataAccessResult
from simulator.associations import Role
from simulator.faults import Moment
from simulator.service import moment_of, serve

ENERGY = CosemAttribute(3, Obis("1.0.1.8.0.255"), 2)
BALANCE = CosemAttribute(1, Obis("0.0.94.96.24.255"), 2)
MISSING = CosemAttribute(3, Obis("1.0.99.99.0.255"), 2)
BLOCKS = CosemAttribute(7, Obis("1.0.99.1.0.255"), 2)
CUT = CosemMethod(70, Obis("0.0.96.3.10.255"), 1)
JOIN = CosemMethod(70, Obis("0.0.96.3.10.255"), 2)


def data(value):
    return EncodedData(encode(value))


def answer(bench, request):
    return serve(bench.meter, Role.SETTING, request)


def test_a_list_is_read_in_its_order_with_a_result_for_each(bench):
    request = GetRequestWithList(0xC1, ((ENERGY, None), (MISSING, None), (BLOCKS, entry_access(1, 2))))
    energy, missing, rows = answer(bench, request).results
    assert energy == answer(bench, GetRequestNormal(0xC1, ENERGY)).result
    assert missing is DataAccessResult.OBJECT_UNDEFINED
    assert len(rows.decode().value) == 2


def test_a_list_is_written_with_a_result_for_each(bench):
    request = SetRequestWithList(0xC1, ((BALANCE, None), (ENERGY, None)), (data(double_long(7)), data(null())))
    assert answer(bench, request).results == (DataAccessResult.SUCCESS, DataAccessResult.READ_WRITE_DENIED)
    assert bench.meter.balance == 7


def test_writing_a_part_of_an_attribute_is_refused(bench):
    request = SetRequestNormal(0xC1, BALANCE, entry_access(1), data(double_long(7)))
    assert answer(bench, request).result is DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def test_a_list_of_methods_is_done_in_its_order(bench):
    request = ActionRequestWithList(0xC1, (CUT, JOIN), (data(integer(0)), data(integer(0))))
    assert answer(bench, request).results == ((ActionResult.SUCCESS, None), (ActionResult.SUCCESS, None))
    assert [edge.connected for edge in bench.meter.relay.edges] == [False, True]


def test_access_does_all_three_kinds(bench):
    specifications = (AccessGet(ENERGY), AccessSet(BALANCE), AccessAction(CUT), AccessGet(MISSING))
    values = (data(null()), data(double_long(9)), data(integer(0)), data(null()))
    served = answer(bench, AccessRequest(0x4000_0001, b"", specifications, values))
    assert [item.result for item in served.results] == [0, 0, 0, DataAccessResult.OBJECT_UNDEFINED]
    assert served.data[0] == answer(bench, GetRequestNormal(0xC1, ENERGY)).result
    assert (bench.meter.balance, bench.meter.relay.output_state) == (9, False)


@pytest.mark.parametrize("octets", [b"", b"\x0f", b"\x09\x05\x00"])
def test_values_that_can_not_be_decoded_are_of_the_wrong_type(bench, octets):
    broken = EncodedData(octets)
    assert answer(bench, SetRequestNormal(0xC1, BALANCE, None, broken)).result is DataAccessResult.TYPE_UNMATCHED
    assert answer(bench, ActionRequestNormal(0xC1, CUT, broken)).result is ActionResult.TYPE_UNMATCHED
    assert bench.meter.relay.remote_actions == 0


def test_what_is_no_request_gets_no_answer(bench):
    notification = DataNotification(1, b"", data(null()))
    assert answer(bench, notification) is None
    assert moment_of(notification) is Moment.OTHER


def test_an_answer_keeps_the_invoke_id(bench):
    assert answer(bench, GetRequestNormal(0xC7, ENERGY)).invoke == 0xC7
