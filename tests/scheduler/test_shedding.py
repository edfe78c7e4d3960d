from datetime import timedelta

from attrs import evolve
from fake_fleet import Fleet, meter

from headend.scheduler.plan import BASE_TASKS, Schedule


async def test_where_the_disk_is_nearly_full_no_profile_is_read_and_the_base_reading_is():
    fleet = Fleet(meter(1), schedules=[Schedule("daily", timedelta(days=1), tasks=(*BASE_TASKS, "block_load"))])
    fleet.collector.ports = evolve(fleet.collector.ports, sheds=lambda: True)
    await fleet.run_for(5)
    asked = {what for _, what, _ in fleet.asked}
    assert "block_load" not in asked
    assert {"clock", "relay", "registers"} <= asked
    (record, _) = fleet.store.records[-1]
    assert record.profiles == ()
    assert record.error == "not read, since the disk is nearly full: block_load"


async def test_a_read_by_hand_of_a_profile_goes_on():
    fleet = Fleet(meter(1))
    fleet.collector.ports = evolve(fleet.collector.ports, sheds=lambda: True)
    number = fleet.store.ask(meter(1).serial, "block_load")
    await fleet.run_for(5)
    assert fleet.store.answers[number].exit_code == 0
