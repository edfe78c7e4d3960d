import sqlite3

import pytest

from headend.storage.listings import Listing, _source, in_office

OFFICES = ["", "A", "A/1", "A/1/x", "A/2", "A-1", "A 1", "A.", "A0", "AB", "AB/1", "a", "क", "क/ख", "क ख"]


@pytest.mark.parametrize("office", [each for each in OFFICES if each])
def test_an_office_holds_itself_and_what_is_below_it_and_nothing_that_only_begins_alike(office):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE places (office TEXT)")
    connection.executemany("INSERT INTO places VALUES (?)", [(each,) for each in OFFICES])
    found = connection.execute(f"SELECT office FROM places WHERE {in_office('office')}", {"office": office})
    assert {each for (each,) in found} == {each for each in OFFICES if each == office or each.startswith(f"{office}/")}


def test_a_page_is_found_with_the_tables_that_its_conditions_name_and_those_they_stand_on():
    joins = {
        "s": "LEFT JOIN states s ON s.meter = m.id",
        "a": "LEFT JOIN accounts a ON a.no = m.no",
        "b": "LEFT JOIN balances b ON b.account = a.id",
    }
    listing = Listing(source="meters m", joins=joins, columns={}, key="m.id", office=None, sorts={}, sort="")
    assert _source(listing, "WHERE m.id = 1") == "meters m"
    assert _source(listing, "ORDER BY s.seen") == f"meters m {joins['s']}"
    assert _source(listing, "WHERE b.paise < 0") == f"meters m {joins['a']} {joins['b']}"
    assert _source(listing, None) == " ".join(["meters m", *joins.values()])
