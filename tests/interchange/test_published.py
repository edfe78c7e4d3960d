"""What really goes out in a day of a house keeps the schemas that other systems read."""

import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from cim_messages import example
from exchange_house import HOUR

from headend.app.interchange_cim import CimDesk
from headend.app.recharging import book_recharge
from headend.meters.reading import ClockReading, Reading, RelayState
from headend.prepaid.model import EntryKind
from headend.scheduler.judge import judge_by_hand, judge_visit
from headend.scheduler.ports import Outcome, VisitRecord

sys.path.insert(0, str(Path(__file__).parents[1] / "notify"))

from test_schemas import valid


def visit(house, meter, wh, *, at=None, connected=True, outcome=Outcome.DONE):
    now = at or house.now
    relay = RelayState(connected, int(connected), 4, now)
    clock = ClockReading(now, now, 0.0, False, bytes(12))  # noqa: FBT003  its sign is the standard's
    readings = (Reading("energy_import", "1.0.1.8.0.255", Decimal(wh), "Wh", now),)
    return VisitRecord(meter, now, now, outcome, None, readings=readings, relay=relay, clock=clock)


async def test_every_message_of_a_day_keeps_its_schema(house):
    store, rules = house.headend.store, house.headend.setup.rules()
    await house.cut_for_credit("M1")
    for number in range(3):
        record = visit(house, "M1", 1000 + number, at=house.now + number * timedelta(minutes=1), connected=False)
        await store.fleet.record_visit(record, judge_visit(rules, record))
    failed = VisitRecord("M2", house.now, house.now, Outcome.UNREACHABLE, "no answer")
    await store.fleet.record_visit(failed, None)
    record = visit(house, "M2", 500)
    await store.fleet.record_visit(record, judge_visit(rules, record))
    await book_recharge(house.headend, "10000000001", 500_00, "P-1", "cash desk")
    await store.books.book("10000000002", EntryKind.ARREARS, 10_00, "A-1", "postpaid", "officer", judge_by_hand(rules))
    await store.books.propose_correction("10000000002", 5_00, "a slip", "officer")
    await CimDesk(house.headend, house.clock).handle(example("disconnect", texts={">M1<": ">M2<"}), "gateway")
    for exchange in await store.exchanges.due(house.now + HOUR):
        await store.exchanges.replied(exchange.id, house.now, "FAILED", None)
    await store.events.tell(
        house.now,
        "push.alert",
        meter="M1",
        payload={"setup": "alert", "clock": None, "authenticated": True, "values": {}, "alerts": ["last gasp"]},
    )
    await store.switches.set_kill_switch(on=True, by="officer")
    rows = await store.events.events(0, 1000)
    kinds = {row.kind for row in rows}
    assert {
        "account.recharged",
        "cim.replied",
        "command.confirmed",
        "command.requested",
        "consumers.imported",
        "decision.reconnect",
        "ledger.booked",
        "notice.written",
        "relay.disconnected",
        "switch.kill_switch",
        "visit.failed",
        "visit.recovered",
    } <= kinds
    assert [fault for row in rows for fault in valid(row)] == []
