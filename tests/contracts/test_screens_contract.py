"""What screens ask of the store: every list in every order and under every filter, and the day at a glance."""

import pytest
from store_making import OFFICE, settle_in

from headend.storage.consolelists import CONSOLE_LISTS
from headend.storage.lists import LISTS

EVERY = {**LISTS, **CONSOLE_LISTS}


@pytest.mark.parametrize("name", sorted(EVERY))
async def test_every_list_can_be_sorted_filtered_counted_and_paged(store, tmp_path, name):
    await settle_in(store, tmp_path, count=2)
    listing = EVERY[name]
    plain, more = await store.listings.page(name)
    assert not more
    assert await store.listings.count(name) == len(plain)
    for sort in listing.sorts:
        for order in (sort, f"-{sort}"):
            assert len((await store.listings.page(name, sort=order))[0]) == len(plain)
    for wanted in (*listing.filters, *(["q"] if listing.search else [])):
        found, _ = await store.listings.page(name, filters={wanted: "1"}, limit=5)
        assert len(found) <= len(plain)
    if listing.office is not None:
        assert len((await store.listings.page(name, office=OFFICE))[0]) <= len(plain)


async def test_the_day_of_the_house_and_of_an_office_are_the_same_where_all_is_in_it(store, tmp_path):
    await settle_in(store, tmp_path, count=2)
    house, office = await store.todays.today(), await store.todays.today(OFFICE)
    assert house.total.meters == office.total.meters == 2
    assert (house.below_zero, house.work_open, house.conflicts) == (0, 0, 0)
    assert await store.todays.without_number() == {}
