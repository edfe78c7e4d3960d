from datetime import UTC, datetime

import pytest

from headend.app.visitrecording import VisitRecorder
from headend.meters.inventory import Meter
from headend.storage.kek import Kek
from headend.storage.store import Store
from headend.transport.recording import recorded

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
HEAD = "serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone\n"
METER = "SN1,LDNSN1,,is15959-single-phase,tcp://127.0.0.1:1,1,,Ranchi,,default,Asia/Kolkata\n"


@pytest.fixture
async def store(tmp_path):
    found = await Store.open(tmp_path / "headend.db", kek=Kek(bytes(32), "test"), now=lambda: NOW)
    (tmp_path / "meters.csv").write_text(HEAD + METER)
    await found.registry.import_meters(tmp_path / "meters.csv")
    yield found
    await found.close()


def borrows_as_it_is():
    """Whether a line that is opened now goes unrecorded: what lends it is called as it stands."""
    lent = object()
    return recorded(lambda _address, _deadline: lent)(None, None) is lent


async def test_only_a_visit_that_somebody_asked_to_see_is_recorded(store):
    recorder = VisitRecorder(store.console.traces, lambda: NOW)
    meter = Meter("SN1", "LDNSN1", "", "")
    plain = await store.fleet.ask_read("SN1")
    async with recorder.around(meter, (plain,)):
        assert borrows_as_it_is()
    assert await store.console.traces.of_meter("SN1") == []
    asked = await store.console.traces.ask_read("SN1", "officer_1")
    async with recorder.around(meter, (plain, asked)):
        assert not borrows_as_it_is()
    assert borrows_as_it_is()
    (trace,) = await store.console.traces.of_meter("SN1")
    assert (trace.request, trace.asked_by, trace.at) == (asked, "officer_1", NOW)


async def test_a_visit_that_fails_is_kept_too_and_its_fault_goes_on(store):
    recorder = VisitRecorder(store.console.traces, lambda: NOW)
    asked = await store.console.traces.ask_read("SN1", "officer_1")
    with pytest.raises(OSError, match="no route"):
        async with recorder.around(Meter("SN1", "LDNSN1", "", ""), (asked,)):
            raise OSError("no route")
    assert await store.console.traces.of_request(asked) is not None
