import asyncio

import pytest
from store_making import CONSUMER, CONSUMER_HEADER, OFFICE, SERIAL, consumer_line, meter, open_sqlite, write_csv

from headend.prepaid.model import BalanceSource, EntryKind
from headend.storage import ImportRefused, importconsumers, importing, importmeters
from headend.storage.inventory import InventoryConflict
from headend.storage.registry import Registry
from headend.storage.writer import Writer

METER_HEADER = importmeters.COLUMNS


def meter_line(number=1, **changes):
    cells = {
        "serial": f"HED{number:07}",
        "logical_device_name": f"HEDLDN{number:08}",
        "system_title": "",
        "model": "is15959-single-phase",
        "address": f"tcp://127.0.0.1:{4059 + number}",
        "server_sap": "1",
        "lane": "",
        "office": OFFICE,
        "consumer_no": f"{10_000_000_000 + number}",
        "group": "",
        "time_zone": "",
    }
    return list({**cells, **changes}.values())


def consumer(number=1, **changes):
    return list({**dict(zip(CONSUMER_HEADER, consumer_line(number), strict=True)), **changes}.values())


@pytest.fixture
def meters_file(tmp_path):
    return lambda *lines, header=METER_HEADER: write_csv(tmp_path / "meters.csv", header, lines)


@pytest.fixture
def consumers_file(tmp_path):
    return lambda *lines, header=CONSUMER_HEADER: write_csv(tmp_path / "consumers.csv", header, lines)


async def refused(coroutine):
    with pytest.raises(ImportRefused) as told:
        await coroutine
    return [(problem.line, problem.column) for problem in told.value.problems], str(told.value)


async def test_the_formats_are_what_the_documentation_says():
    assert ",".join(METER_HEADER) == (
        "serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone"
    )
    assert ",".join(CONSUMER_HEADER) == (
        "consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance"
    )
    assert importconsumers.COLUMNS == CONSUMER_HEADER


async def test_meters_are_imported_and_importing_again_changes_nothing(store, meters_file):
    file = meters_file(meter_line(1, system_title="4845440000000001", server_sap="17"), meter_line(2))
    report = await store.registry.import_meters(file)
    assert (report.added, report.changed, report.unchanged) == (2, 0, 0)
    assert await store.fleet.meters() == [meter(1, system_title=b"HED\0\0\0\0\1", server_sap=17), meter(2)]
    report = await store.registry.import_meters(file)
    assert (report.added, report.changed, report.unchanged) == (0, 0, 2)


async def test_a_changed_line_changes_its_meter_and_keeps_what_was_learned(store, meters_file):
    await store.registry.import_meters(meters_file(meter_line(1), meter_line(2)))
    await store.fleet.pin_system_title(SERIAL, b"HED\0\0\0\0\1")
    await store.counters.reserve(SERIAL, "setting", 10)
    report = await store.registry.import_meters(
        meters_file(meter_line(1, address="tcp://10.0.0.7:4059", consumer_no=""))
    )
    assert (report.added, report.changed) == (0, 1)
    changed = await store.fleet.meter(SERIAL)
    assert changed == meter(1, address="tcp://10.0.0.7:4059", system_title=b"HED\0\0\0\0\1")
    assert (await store.counters.reserve(SERIAL, "setting", 1)).start == 11


async def test_a_dry_run_reports_and_changes_nothing(store, meters_file, consumers_file):
    before = await store.events.last_number()
    report = await store.registry.import_meters(meters_file(meter_line(1)), dry_run=True)
    assert (report.dry_run, report.added) == (True, 1)
    assert await store.fleet.meters() == []
    await store.registry.import_meters(meters_file(meter_line(1)))
    report = await store.registry.import_consumers(consumers_file(consumer(1)), dry_run=True)
    assert report.added == 1
    assert await store.accounts.accounts() == []
    assert await store.events.last_number() == before + 1


async def test_columns_may_stand_in_any_order_with_a_byte_order_mark(store, tmp_path):
    order = tuple(reversed(METER_HEADER))
    file = write_csv(tmp_path / "m.csv", order, [list(reversed(meter_line(1)))])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes() + b"\r\n , , \r\n")
    assert (await store.registry.import_meters(file)).added == 1


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"serial": ""}, "serial"),
        ({"serial": "has space"}, "serial"),
        ({"serial": "=cmd()"}, "serial"),
        ({"logical_device_name": ""}, "logical_device_name"),
        ({"logical_device_name": "x" * 65}, "logical_device_name"),
        ({"system_title": "4845"}, "system_title"),
        ({"system_title": "not hex digits!!"}, "system_title"),
        ({"model": ""}, "model"),
        ({"address": "10.0.0.7"}, "address"),
        ({"server_sap": "-1"}, "server_sap"),
        ({"server_sap": "65536"}, "server_sap"),
        ({"server_sap": "²"}, "server_sap"),
        ({"office": "Ranchi//Kokar"}, "office"),
        ({"consumer_no": "1234567890"}, "consumer_no"),
        ({"consumer_no": "1234567890१"}, "consumer_no"),
        ({"time_zone": "Asia/Nowhere"}, "time_zone"),
        ({"time_zone": "../etc/passwd"}, "time_zone"),
        ({"lane": "a\x1b[31m"}, "lane"),
        ({"group": "x" * 201}, "group"),
    ],
)
async def test_a_wrong_cell_of_a_meter_is_named_with_line_and_column(store, meters_file, changes, column):
    found, text = await refused(store.registry.import_meters(meters_file(meter_line(1), meter_line(2, **changes))))
    assert found == [(3, column)]
    assert f"line 3, {column}" in text
    assert await store.fleet.meters() == []


async def test_every_problem_of_a_file_is_told_at_once(store, meters_file):
    lines = [meter_line(1, serial=""), meter_line(2), meter_line(3, address="x", server_sap="y"), meter_line(4)[:-1]]
    found, text = await refused(store.registry.import_meters(meters_file(*lines)))
    assert found == [(2, "serial"), (4, "address"), (4, "server_sap"), (5, "")]
    assert "4 problems, nothing was imported" in text


async def test_a_long_list_of_problems_is_cut_in_the_text_only(store, meters_file):
    found, text = await refused(
        store.registry.import_meters(meters_file(*(meter_line(n, model="") for n in range(50))))
    )
    assert len(found) == 50
    assert "and 30 more" in text


@pytest.mark.parametrize("column", ["serial", "logical_device_name", "consumer_no"])
async def test_what_must_be_unique_is_refused_in_the_file_and_against_the_inventory(store, meters_file, column):
    twin = {column: dict(zip(METER_HEADER, meter_line(1), strict=True))[column]}
    found, text = await refused(store.registry.import_meters(meters_file(meter_line(1), meter_line(2, **twin))))
    assert found == [(3, column)]
    assert "line 2" in text
    await store.registry.import_meters(meters_file(meter_line(1)))
    if column != "serial":
        found, text = await refused(store.registry.import_meters(meters_file(meter_line(2, **twin))))
        assert found == [(2, column)]
        assert SERIAL in text


async def test_an_import_moves_no_meter_to_another_consumer_and_changes_no_pinned_title(store, meters_file):
    await store.registry.import_meters(meters_file(meter_line(1, system_title="4845440000000001")))
    changed = meter_line(1, consumer_no="10000000099", system_title="4845440000000002")
    found, _ = await refused(store.registry.import_meters(meters_file(changed)))
    assert found == [(2, "consumer_no"), (2, "system_title")]


@pytest.mark.parametrize(
    "content",
    [b"", b"serial,model\nA,B\n", b"\xff\xfe\x00", b",".join(name.encode() for name in METER_HEADER) + b",extra\n"],
)
async def test_a_file_of_another_kind_is_refused(store, tmp_path, content):
    file = tmp_path / "x.csv"
    file.write_bytes(content)
    with pytest.raises(ImportRefused, match=r"x\.csv"):
        await store.registry.import_meters(file)


async def test_a_broken_quote_is_named_by_line(store, tmp_path):
    file = tmp_path / "x.csv"
    file.write_text(",".join(METER_HEADER) + "\n" + '"a"b' + "," * 10 + "\n")
    found, _ = await refused(store.registry.import_meters(file))
    assert found[0][0] == 2


async def test_a_missing_file_is_named(store, tmp_path):
    with pytest.raises(ImportRefused, match=r"(?s)nowhere\.csv.*can't be read"):
        await store.registry.import_meters(tmp_path / "nowhere.csv")


async def test_a_meter_added_by_hand_meets_the_same_rules(store):
    with pytest.raises(ImportRefused, match="consumer number"):
        await store.registry.add_meter(meter(1, consumer_no="12"))
    await store.registry.add_meter(meter(1))
    with pytest.raises(InventoryConflict, match="serial"):
        await store.registry.add_meter(meter(1))
    with pytest.raises(InventoryConflict, match=SERIAL):
        await store.registry.add_meter(meter(2, logical_device_name=meter(1).logical_device_name))


async def test_consumers_are_imported_with_their_opening_balance_once(store, meters_file, consumers_file):
    await store.registry.import_meters(meters_file(meter_line(1, consumer_no=""), meter_line(2, consumer_no="")))
    file = consumers_file(consumer(1, opening_balance="-12.50"), consumer(2, opening_balance="0.00"))
    report = await store.registry.import_consumers(file)
    assert (report.added, report.changed, report.unchanged) == (2, 0, 0)
    assert await store.accounts.balance(CONSUMER) == -12_50
    assert (await store.fleet.meter(SERIAL)).consumer_no == CONSUMER
    report = await store.registry.import_consumers(file)
    assert (report.added, report.changed, report.unchanged) == (0, 0, 2)
    (entry,) = await store.accounts.ledger(CONSUMER)
    assert (entry.kind, entry.amount, entry.balance) == (EntryKind.OPENING, -12_50, -12_50)


async def test_another_opening_balance_is_refused_and_nothing_is_half_applied(store, meters_file, consumers_file):
    await store.registry.import_meters(meters_file(meter_line(1), meter_line(2)))
    await store.registry.import_consumers(consumers_file(consumer(1)))
    found, _ = await refused(
        store.registry.import_consumers(consumers_file(consumer(2), consumer(1, name="New", opening_balance="100.01")))
    )
    assert found == [(3, "opening_balance")]
    assert [account.name for account in await store.accounts.accounts()] == ["Consumer 00001"]


async def test_a_ledger_account_without_opening_balance_is_not_reconciled_until_it_has_one(
    store, meters_file, consumers_file
):
    await store.registry.import_meters(meters_file(meter_line(1), meter_line(2)))
    lines = [
        consumer(1, opening_balance=""),
        consumer(2, opening_balance="", balance_source=BalanceSource.METER.value),
    ]
    await store.registry.import_consumers(consumers_file(*lines))
    assert [account.reconciled for account in await store.accounts.accounts()] == [False, True]
    await store.registry.import_consumers(consumers_file(consumer(1)))
    assert (await store.accounts.account(CONSUMER)).reconciled


async def test_a_consumer_may_have_no_meter_yet(store, consumers_file):
    await store.registry.import_consumers(consumers_file(consumer(1, meter="", mobile="", protected="")))
    account = await store.accounts.account(CONSUMER)
    assert (account.meter, account.mobile, account.protected) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"consumer_no": "1000000000"}, "consumer_no"),
        ({"name": ""}, "name"),
        ({"language": "de"}, "language"),
        ({"mobile": "12345"}, "mobile"),
        ({"category": ""}, "category"),
        ({"tariff": ""}, "tariff"),
        ({"balance_source": "both"}, "balance_source"),
        ({"meter": "NOBODY"}, "meter"),
        ({"opening_balance": "100"}, "opening_balance"),
        ({"opening_balance": "100.5"}, "opening_balance"),
        ({"opening_balance": "1,00.00"}, "opening_balance"),
        ({"opening_balance": "1e3"}, "opening_balance"),
        ({"opening_balance": "१००.००"}, "opening_balance"),  # noqa: RUF001  digits, but not ours
        ({"opening_balance": "NaN"}, "opening_balance"),
    ],
)
async def test_a_wrong_cell_of_a_consumer_is_named_with_line_and_column(
    store, meters_file, consumers_file, changes, column
):
    await store.registry.import_meters(meters_file(meter_line(1), meter_line(2)))
    found, _ = await refused(store.registry.import_consumers(consumers_file(consumer(1), consumer(2, **changes))))
    assert found == [(3, column)]
    assert await store.accounts.accounts() == []


async def test_a_meter_has_one_consumer_and_a_consumer_one_meter(store, meters_file, consumers_file):
    await store.registry.import_meters(meters_file(meter_line(1), meter_line(2, consumer_no="")))
    found, _ = await refused(store.registry.import_consumers(consumers_file(consumer(3, meter=SERIAL))))
    assert found == [(2, "meter")]
    found, _ = await refused(store.registry.import_consumers(consumers_file(consumer(1, meter=meter(2).serial))))
    assert found == [(2, "meter")]
    found, _ = await refused(
        store.registry.import_consumers(consumers_file(consumer(2), consumer(3, meter=meter(2).serial)))
    )
    assert found == [(3, "meter")]


async def test_an_import_beside_a_running_house_blocks_no_reader(tmp_path, clock, store, meters_file):
    other = await open_sqlite(tmp_path, clock)
    await other.registry.import_meters(meters_file(*(meter_line(number) for number in range(1, 501))))
    assert len(await store.fleet.meters()) == 500
    await other.close()


async def test_a_file_of_several_pieces_tells_how_far_it_is_and_is_whole(store, meters_file, consumers_file):
    count = importing.PIECE + 20
    numbers = range(1, count + 1)
    told = []
    file = meters_file(*(meter_line(number, consumer_no="") for number in numbers))
    report = await store.registry.import_meters(file, progress=lambda done, total: told.append((done, total)))
    assert (report.added, told) == (count, [(importing.PIECE, count), (count, count)])
    lines = [consumer(number, opening_balance=f"-{number}.00" if number % 2 else "") for number in numbers]
    file = consumers_file(*lines)
    told.clear()
    report = await store.registry.import_consumers(file, progress=lambda done, total: told.append((done, total)))
    assert (report.added, told) == (count, [(importing.PIECE, count), (count, count)])
    again = await store.registry.import_consumers(file)
    assert (again.added, again.changed, again.unchanged) == (0, 0, count)
    last = f"{10_000_000_000 + count - 1}"
    assert await store.accounts.balance(last) == -(count - 1) * 100
    view = await store.accounts.view(last, store.registry._now())
    assert view.facts.negative_since is not None
    assert view.facts.account.meter == f"HED{count - 1:07}"
    assert not (await store.accounts.account(f"{10_000_000_000 + count}")).reconciled


async def test_a_refused_line_in_a_later_piece_leaves_nothing_of_the_earlier_ones(store, meters_file, consumers_file):
    count = importing.PIECE + 20
    lines = [consumer(number, meter="") for number in range(1, count)]
    file = consumers_file(*lines, consumer(count, meter="NOBODY"))
    assert (await refused(store.registry.import_consumers(file)))[0] == [(count + 1, "meter")]
    assert await store.accounts.accounts() == []


WITH_LOAD = (*CONSUMER_HEADER, "sanctioned_load")


async def loads(store):
    return [account.sanctioned_load for account in await store.accounts.accounts()]


async def test_a_sanctioned_load_is_taken_where_a_file_tells_it_and_kept_where_not(store, meters_file, consumers_file):
    await store.registry.import_meters(meters_file(meter_line(1), meter_line(2)))
    first = consumers_file([*consumer(1), "2.5"], [*consumer(2), ""], header=WITH_LOAD)
    assert (await store.registry.import_consumers(first)).added == 2
    assert await loads(store) == [2500, None]
    assert (await store.registry.import_consumers(first)).unchanged == 2
    assert (await store.registry.import_consumers(consumers_file(consumer(1), consumer(2)))).unchanged == 2
    assert await loads(store) == [2500, None]
    changed = consumers_file([*consumer(1), ""], [*consumer(2), "1"], header=WITH_LOAD)
    assert (await store.registry.import_consumers(changed)).changed == 2
    assert await loads(store) == [None, 1000]


@pytest.mark.parametrize("cell", ["0", "-2", "2 kW", "two", "1.2345", "1e3", "0.000"])
async def test_what_is_no_load_is_refused(store, meters_file, consumers_file, cell):
    await store.registry.import_meters(meters_file(meter_line(1)))
    file = consumers_file([*consumer(1), cell], header=WITH_LOAD)
    assert (await refused(store.registry.import_consumers(file)))[0] == [(2, "sanctioned_load")]


async def test_a_tariff_that_charges_by_the_load_needs_one(store, meters_file, consumers_file):
    await store.registry.import_meters(meters_file(meter_line(1)))
    by_load = frozenset({"domestic"})
    found, text = await refused(store.registry.import_consumers(consumers_file(consumer(1)), by_load=by_load))
    assert (found, "charges by it" in text) == ([(2, "sanctioned_load")], True)
    told = consumers_file([*consumer(1), "2"], header=WITH_LOAD)
    assert (await store.registry.import_consumers(told, by_load=by_load)).added == 1
    assert (await store.registry.import_consumers(consumers_file(consumer(1)), by_load=by_load)).unchanged == 1


async def test_a_header_with_another_column_tells_which_may_be_there(store, consumers_file):
    file = consumers_file([*consumer(1), "x"], header=(*CONSUMER_HEADER, "colour"))
    found, text = await refused(store.registry.import_consumers(file))
    assert (1, "colour") in found
    assert "may have sanctioned_load" in text


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(importing, "PIECE", 10)


@pytest.mark.usefixtures("small_pieces")
async def test_a_recharge_waits_for_a_piece_of_an_import_and_not_for_the_file(store, consumers_file):
    await store.registry.import_consumers(consumers_file(consumer(1, meter="")))
    told, paid = [], []

    async def pay():
        await store.accounts.recharge(CONSUMER, 100_00, "P-1", store.registry._now(), "desk", None)
        paid.append(len(told))

    def progress(done, _):
        told.append(done)
        if len(told) == 1:
            waiting.append(asyncio.create_task(pay()))

    waiting = []
    file = consumers_file(*(consumer(number, meter="") for number in range(2, 102)))
    assert (await store.registry.import_consumers(file, progress=progress)).added == 100
    await asyncio.gather(*waiting)
    assert len(told) == 10
    assert paid[0] < 5


@pytest.mark.usefixtures("small_pieces")
async def test_an_import_that_was_broken_off_is_done_again(store, consumers_file):
    class GoneError(Exception):
        pass

    def break_off(done, _):
        if done == 20:
            raise GoneError

    file = consumers_file(*(consumer(number, meter="", opening_balance="-1.00") for number in range(1, 36)))
    with pytest.raises(GoneError):
        await store.registry.import_consumers(file, progress=break_off)
    assert len(await store.accounts.accounts()) == 20
    report = await store.registry.import_consumers(file)
    assert (report.added, report.changed, report.unchanged) == (15, 0, 20)
    assert len(await store.accounts.accounts()) == 35
    assert (await store.books.check()).total == -35 * 100


@pytest.mark.usefixtures("small_pieces")
async def test_what_somebody_changes_while_a_file_goes_in_is_told_with_what_stands(store, meters_file, consumers_file):
    await store.registry.import_meters(meters_file(meter_line(1, consumer_no="")))
    file = consumers_file(*(consumer(number, meter="") for number in range(2, 32)), consumer(1, opening_balance=""))
    waiting = []

    def take_the_meter(done, _):
        if done == 10:
            other = Registry(store.registry._writer, store.registry._readers, store.registry._now)
            waiting.append(
                asyncio.create_task(other.import_meters(meters_file(meter_line(1, consumer_no="10000000099"))))
            )

    with pytest.raises(ImportRefused, match="first 30 lines are in; correct it and import it again") as told:
        await store.registry.import_consumers(file, progress=take_the_meter)
    await asyncio.gather(*waiting)
    assert told.value.imported == 30
    assert [(problem.line, problem.column) for problem in told.value.problems] == [(32, "meter")]
    assert len(await store.accounts.accounts()) == 30


async def test_a_dry_run_needs_nobody_who_writes(store, consumers_file, monkeypatch):
    async def never(*_, **__):
        raise AssertionError

    file = consumers_file(consumer(1, meter=""), consumer(2, meter=""))
    monkeypatch.setattr(Writer, "run", never)
    assert (await store.registry.import_consumers(file, dry_run=True)).added == 2
