import re
from urllib.parse import urlencode

import pytest

from headend.web.console.views import AUDIT, GIVEN_UP, OFFICERS, PLAIN, PROTECTIONS
from headend.web.look import INDIA


@pytest.mark.parametrize("view", [*PLAIN, AUDIT, GIVEN_UP, OFFICERS, PROTECTIONS], ids=lambda view: view.listing)
async def test_a_list_sorts_and_filters_as_its_page_offers_and_goes_out_as_csv(web, view):
    chief = await web.officer("chief")
    page = (await chief.get(view.path)).text
    for column in view.columns:
        assert column.title in page or view.empty.split("`")[0].strip() in page
        if column.sortable:
            for sort in (column.name, f"-{column.name}"):
                assert (await chief.get(f"{view.path}?{urlencode({'sort': sort})}")).status_code == 200, sort
    for choice in (*view.choices, *([view.flags] if view.flags else [])):
        assert f'name="{choice.name}"' in page
        for value, _ in choice.options:
            address = f"{view.path}?{urlencode({choice.name: value})}"
            assert (await chief.get(address)).status_code == 200, address
    bounds = {"q": "x", "within": "Ranchi", "from": "2026-11-01", "to": "2026-11-30"}
    assert (await chief.get(f"{view.path}?{urlencode(bounds)}")).status_code == 200
    if view.days:
        assert (await chief.get(f"{view.path}?from=yesterday")).status_code == 400
    answer = await chief.get(f"{view.path}.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert re.match(r"\ufeff?" + re.escape(view.columns[0].title), answer.text)


async def test_a_days_bound_is_that_of_india(web):
    chief = await web.officer("chief")
    (row,) = await web.headend.store.audit.rows()
    day = f"{row.at.astimezone(INDIA):%Y-%m-%d}"
    assert "set password" in (await chief.get(f"/console/audit?from={day}&to={day}")).text
    assert "set password" not in (await chief.get("/console/audit?to=2020-01-01")).text
