from datetime import timedelta

import structlog
from fake_fleet import Denied, Fleet, meter

from headend.scheduler.plan import Schedule


async def test_a_line_of_a_visit_names_meter_and_visit_and_no_later_line_does():
    seen = []

    def keep(logger, name, line):
        seen.append(dict(line))
        raise structlog.DropEvent

    fleet = Fleet(meter(1), schedules=[Schedule("often", timedelta(hours=1))])
    fleet.errors[meter(1).serial, "open"] = Denied("refused")
    before = structlog.get_config()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep], cache_logger_on_first_use=False)
    try:
        await fleet.run_for(5)
    finally:
        structlog.configure(**before)
    failed = [line for line in seen if line["event"] == "visit failed"]
    assert failed
    for line in failed:
        assert line["meter"] == meter(1).serial
        assert line["visit"] in {record.started.isoformat() for record, _ in fleet.store.records}
    others = [line for line in seen if line["event"].startswith("round")]
    assert others
    assert not any("visit" in line for line in others)
