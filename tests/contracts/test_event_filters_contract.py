from store_making import OFFICE, SERIAL, meter

from headend.meters.events import Severity


async def test_events_are_chosen_by_kind_meter_office_and_severity(store, clock):
    await store.registry.add_meter(meter())
    await store.registry.add_meter(meter(2, office="Dhanbad/One/Two"))
    start = await store.events.last_number()
    told = (
        ("meter.event", SERIAL, "critical"),
        ("meter.event", meter(2).serial, "warning"),
        ("work.opened", SERIAL, None),
    )
    for kind, serial, severity in told:
        payload = {} if severity is None else {"severity": severity}
        await store.events.tell(clock.now, kind, meter=serial, payload=payload)

    async def chosen(**filters):
        return [each.number - start for each in await store.events.chosen(after=start, **filters)]

    assert await chosen() == [1, 2, 3]
    assert await chosen(limit=2) == [2, 3]
    assert await chosen(kind="meter") == await chosen(kind="meter.event") == [1, 2]
    assert await chosen(kind="meter.ev") == []
    assert await chosen(meter=SERIAL) == await chosen(office=OFFICE) == await chosen(office="Ranchi") == [1, 3]
    assert await chosen(office="Ran") == []
    assert await chosen(severity=Severity.MAJOR) == [1]
    assert await chosen(severity=Severity.WARNING, office="Dhanbad") == [2]
