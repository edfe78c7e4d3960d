import asyncio
from datetime import timedelta

import pytest
from watched_house import watched_house

from headend.app.sweeping import sweep
from headend.settings import SettingsError

HEADER = "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance\n"
LINE = "1000000000{n},Consumer,hi,,domestic,Ranchi/East/Kokar,default,,ledger,,-{n}.00\n"


async def settle(headend, folder, count):
    file = folder / "consumers.csv"
    file.write_text(HEADER + "".join(LINE.format(n=number) for number in range(1, count + 1)))
    await headend.store.registry.import_consumers(file)


async def test_who_has_no_meter_that_answers_is_told_once_a_day(tmp_path):
    async with watched_house(tmp_path) as monitor:
        headend = monitor.headend
        await settle(headend, tmp_path, 3)
        told = []
        found = await sweep(headend, told=lambda so_far: told.append(so_far.judged.total()))
        assert (dict(found.judged), found.left, told) == ({"defer": 3}, 0, [3])
        (notice,) = await headend.store.accounts.notices("10000000001")
        assert notice.notice.kind.value == "negative"
        again = await sweep(headend, headend.clock.now() - timedelta(days=1))
        assert (again.judged.total(), again.left) == (0, 3)


async def test_it_is_left_alone_where_the_configuration_says_so(tmp_path):
    async with watched_house(tmp_path, '[policy]\njudge_within = ""\n') as monitor:
        assert monitor.headend.setup.judge_within is None
    async with watched_house(tmp_path) as monitor:
        assert monitor.headend.setup.judge_within == timedelta(days=1)


@pytest.mark.parametrize(("text", "why"), [("1", "no span of time"), ("5m", "too short")])
async def test_a_span_that_can_not_be_meant_is_refused_with_its_key(tmp_path, text, why):
    with pytest.raises(SettingsError, match=rf"policy\.judge_within: .*{why}"):
        async with watched_house(tmp_path, f'[policy]\njudge_within = "{text}"\n'):
            await asyncio.sleep(0)
