import pytest
from watched_house import watched_house

from headend.app.monitoring_retention import tidy_when_due
from headend.settings import SettingsError


async def test_old_readings_are_looked_for_once_a_day(tmp_path):
    async with watched_house(tmp_path, '[retention]\nblock_load = "400d"\nregisters = "100d"\n') as monitor:
        headend = monitor.headend
        assert [(each.what, each.span.days) for each in headend.setup.keeps] == [
            ("block_load", 400),
            ("registers", 100),
        ]
        await tidy_when_due(headend)
        first = await headend.store.retention.last_run()
        await tidy_when_due(headend)
        assert first is not None
        assert await headend.store.retention.last_run() == first


async def test_without_the_section_nothing_is_ever_removed(tmp_path):
    async with watched_house(tmp_path) as monitor:
        await tidy_when_due(monitor.headend)
        assert await monitor.headend.store.retention.last_run() is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('block_lode = "400d"', "retention.block_lode: no meter model has such a profile"),
        ('ledger = "400d"', "retention.ledger: no meter model has such a profile"),
        ('block_load = "400"', "retention.block_load: "),
        ('block_load = "4d"', "retention.block_load: 4d is too short"),
    ],
)
async def test_a_retention_that_can_not_be_meant_is_refused_with_its_key(tmp_path, line, told):
    with pytest.raises(SettingsError, match=told):
        async with watched_house(tmp_path, f"[retention]\n{line}\n"):
            pass
