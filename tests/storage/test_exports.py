import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import openpyxl
import pyarrow.parquet
import pytest
from store_making import COLUMNS, CONSUMER, OFFICE, START, cut, energy, keep, meter, reading, rows, settle_in, visit

from headend.cli import export_files
from headend.cli.export_files import ExportFailed, sheet, whole_file
from headend.meters.reading import Column, ProfileRow, ProfileRows
from headend.storage.exports import Heading, Kind, NothingToExport, Span


async def read(table):
    return [row async for page in table.pages for row in page.rows]


@pytest.fixture
async def house(store, tmp_path, clock):
    await settle_in(store, tmp_path, count=3)
    for number in (1, 2):
        await store.fleet.record_visit(
            visit(clock, number, readings=(reading(clock),), profiles=(rows(START, 4),)), None
        )
    return store


async def test_rows_of_a_profile_come_scaled_with_their_meter_in_order(house):
    table = await house.exports.profile("block_load", Span())
    assert [each.name for each in table.headings] == [
        "meter",
        "consumer_no",
        "office",
        "time",
        "voltage [V]",
        "block_energy [Wh]",
    ]
    found = await read(table)
    assert len(found) == 8
    assert found[1] == (meter().serial, CONSUMER, OFFICE, START + timedelta(minutes=30), Decimal("230.01"), Decimal(1))


async def test_the_span_takes_its_beginning_and_not_its_end(house):
    half_hour = timedelta(minutes=30)
    table = await house.exports.profile("block_load", Span(START + half_hour, START + 2 * half_hour))
    assert {row[3] for row in await read(table)} == {START + half_hour}


async def test_an_office_is_taken_with_all_below_it_and_no_other(house):
    await house.registry.add_meter(meter(9, office="Ranchi/Ranchi East2", consumer_no=None))
    assert len(await read(await house.exports.profile("block_load", Span(office="Ranchi/Ranchi East")))) == 8
    assert await read(await house.exports.profile("block_load", Span(office="Ranchi/Ranchi East2"))) == []


async def test_what_a_profile_captured_later_is_a_column_of_its_own(house, clock):
    other = (COLUMNS[1], Column("firmware", "1.0.0.2.0.255", 2, 0, ""))
    late = ProfileRows("block_load", other, (ProfileRow(START - timedelta(days=1), bytes(12), (7, "v2")),))
    await house.fleet.record_visit(visit(clock, 1, profiles=(late,)), None)
    table = await house.exports.profile("block_load", Span())
    assert [(each.name, each.kind) for each in table.headings[4:]] == [
        ("voltage [V]", Kind.NUMBER),
        ("block_energy [Wh]", Kind.NUMBER),
        ("firmware", Kind.TEXT),
    ]
    assert (await read(table))[0][3:] == (START - timedelta(days=1), None, Decimal(7), "v2")


async def test_an_integer_of_64_bits_without_a_sign_comes_whole(house, clock):
    large = ProfileRows("daily", COLUMNS, (ProfileRow(START, bytes(12), (2**64 - 1, 1)),))
    await house.fleet.record_visit(visit(clock, 1, profiles=(large,)), None)
    ((*_, value, _),) = await read(await house.exports.profile("daily", Span()))
    assert value == Decimal(2**64 - 1).scaleb(-2)


async def test_a_profile_that_was_never_stored_is_told_with_those_that_were(house):
    with pytest.raises(NothingToExport, match="there are block_load"):
        await house.exports.profile("billing", Span())


async def test_readings_ledger_events_and_commands_have_their_rows(house, clock):
    await house.fleet.record_visit(
        visit(clock, 1, readings=(reading(clock, "7"),), profiles=()),
        lambda view: keep(view, entries=(energy(clock, -1234, "e1"),)),
    )
    await house.journal.request(cut(clock, 1))
    values = await read(await house.exports.readings(Span()))
    assert [row[6] for row in values] == [Decimal("1234.5"), Decimal("1234.5")]
    ledger = await read(await house.exports.numbered("ledger", Span()))
    assert [(row[3], row[4], row[9]) for row in ledger if row[1] == CONSUMER] == [
        ("opening", Decimal("100.00"), Decimal("100.00")),
        ("energy", Decimal("-12.34"), Decimal("87.66")),
    ]
    ((number, serial, *_),) = await read(await house.exports.numbered("commands", Span()))
    assert (number, serial) == (1, meter().serial)
    kinds = [row[2] for row in await read(await house.exports.numbered("events", Span()))]
    assert len(kinds) == await house.events.last_number()


async def test_pages_of_any_size_bring_the_same_rows(house):
    whole = await read(await house.exports.numbered("events", Span()))
    house.exports.page_rows = house.exports.page_meters = 1
    pages = [page async for page in (await house.exports.numbered("events", Span())).pages]
    assert [row for page in pages for row in page.rows] == whole
    assert [page.done for page in pages] == list(range(1, pages[-1].total + 1))
    assert len(await read(await house.exports.profile("block_load", Span()))) == 8


HEADINGS = (Heading("name"), Heading("value", Kind.NUMBER), Heading("n", Kind.WHOLE), Heading("at", Kind.TIME))
AT = datetime(2026, 11, 24, 18, 30, tzinfo=UTC)
ROWS = [
    ("=cmd|' /C calc'!A0", Decimal("-12.50"), 7, AT),
    (None, None, None, None),
    ('अ,\n"b', Decimal(1), 2**53 + 1, AT),
]


def written(tmp_path, form, pages=(ROWS,), headings=HEADINGS):
    target = tmp_path / f"out.{form}"
    with whole_file(target, replace=False) as partial, sheet(form, partial, headings) as file:
        for page in pages:
            file.write(page)
    return target


def test_csv_holds_no_formula_and_leaves_numbers_alone(tmp_path):
    with written(tmp_path, "csv").open(encoding="utf-8-sig", newline="") as stream:
        header, first, empty, _ = list(csv.reader(stream))
    assert header == ["name", "value", "n", "at"]
    assert first == ["'=cmd|' /C calc'!A0", "-12.50", "7", AT.isoformat()]
    assert empty == ["", "", "", ""]


def test_xlsx_holds_texts_numbers_and_times_as_what_they_are(tmp_path):
    found = list(openpyxl.load_workbook(written(tmp_path, "xlsx")).active.iter_rows())
    assert [cell.value for cell in found[0]] == ["name", "value", "n", "at (UTC)"]
    assert [cell.data_type for cell in found[1]] == ["s", "n", "n", "d"]
    assert [cell.value for cell in found[1]] == ["=cmd|' /C calc'!A0", -12.5, 7, AT.replace(tzinfo=None)]
    assert found[3][2].value == str(2**53 + 1)


def test_a_sheet_that_is_full_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(export_files, "SHEET_ROWS", 3)
    book = openpyxl.load_workbook(written(tmp_path, "xlsx", [ROWS, ROWS]))
    assert [sheet["B2"].value for sheet in book.worksheets] == [-12.5, 1, None]
    assert {sheet["A1"].value for sheet in book.worksheets} == {"name"}


def test_parquet_has_types_and_times_in_utc(tmp_path):
    table = pyarrow.parquet.read_table(written(tmp_path, "parquet", [ROWS, [], ROWS]))
    assert table.num_rows == 6
    assert [str(field.type) for field in table.schema] == ["string", "double", "int64", "timestamp[us, tz=UTC]"]
    assert table.to_pylist()[0] == {"name": "=cmd|' /C calc'!A0", "value": -12.5, "n": 7, "at": AT}


def test_a_text_among_numbers_is_refused_by_parquet_and_leaves_no_file(tmp_path):
    with pytest.raises(ExportFailed, match="column 'value' holds texts among numbers"):
        written(tmp_path, "parquet", [[("a", "b", 1, AT)]])
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ExportFailed, match=r"headend\[parquet\]"):
        written(tmp_path, "parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_replaced_only_on_demand_and_for_the_owner_alone(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("kept")
    with pytest.raises(ExportFailed, match="--replace"), whole_file(target, replace=False):
        pass
    assert target.read_text() == "kept"
    with whole_file(target, replace=True) as partial:
        partial.write_text("new")
        assert target.read_text() == "kept"
    assert target.read_text() == "new"
    assert oct(target.stat().st_mode & 0o777) == "0o600"


def test_an_export_that_breaks_off_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), whole_file(tmp_path / "out.csv", replace=False):
        raise RuntimeError("in the middle")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ExportFailed, match="No such file"), whole_file(tmp_path / "no" / "out.csv", replace=False):
        pass
