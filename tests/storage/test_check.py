import pytest
from store_making import START, cut, meter, rows, settle_in, visit

from headend.storage.checking import check
from headend.storage.sqlite import connect_reader


@pytest.fixture
async def full(store, tmp_path, clock):
    await settle_in(store, tmp_path, count=3)
    command = await store.journal.request(cut(clock, 1))
    await store.journal.begin_sending(command.id, clock.now, None)
    await store.fleet.record_visit(visit(clock, profiles=(rows(START, 48),)), None)
    await store.accounts.recharge("10000000001", 50_00, "PAY-1", clock.now, "desk", None)
    return store


async def test_a_whole_database_has_no_findings(full):
    report = await full.check()
    assert report.ok
    assert report.counted["ledger"] == 4
    assert report.counted["commands"] == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET amount = amount + 1",
        "DELETE FROM ledger",
        "INSERT INTO ledger VALUES (99, 1, 'rebate', 1, 'x', 0, 0, '', 1)",
        "DELETE FROM commands",
        "UPDATE command_steps SET note = ''",
        "DELETE FROM command_steps",
        "UPDATE rows_1_block_load SET voltage = 0",
        "UPDATE counters SET next = 0",
        "DELETE FROM counters",
    ],
)
async def test_what_must_not_change_is_guarded_in_the_database_itself(full, statement):
    await full.counters.reserve(meter(1).serial, "setting", 10)
    with pytest.raises(Exception, match=r"append-only|immutable|kept|running balance|goes back|forgotten"):
        await full._writer.run(lambda connection: connection.execute(statement))
    assert (await full.check()).ok


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (
            ["DROP TRIGGER ledger_is_append_only", "UPDATE ledger SET amount = amount + 1 WHERE id = 1"],
            "add up to 10001",
        ),
        (["UPDATE accounts SET negative_since = 1 WHERE id = 2"], "consumer 10000000002 is noted on the wrong side"),
        (["UPDATE commands SET state = 'confirmed'"], "command 1 is confirmed, its last step says sending"),
        (
            ["INSERT INTO command_steps (command, at, before, after, note) VALUES (1, 0, 'sending', 'requested', '')"],
            "command 1 went from sending to requested",
        ),
        (["DROP INDEX payment_once"], "payment_once is gone"),
        (["DROP TRIGGER counters_only_rise"], "counters_only_rise is gone"),
        (["ALTER TABLE cursors ADD COLUMN x TEXT"], "cursors is not as it was made"),
        (["DROP TABLE rows_1_block_load"], "rows_1_block_load is gone"),
        (["DROP TRIGGER rows_1_block_load_immutable"], "lost its guard"),
        (["PRAGMA foreign_keys = OFF", "UPDATE visits SET meter = 99"], "points to nothing in meters"),
    ],
)
async def test_what_was_tampered_with_is_found(full, statements, says):
    for statement in statements:
        full._writer.database.conn.execute(statement)
    report = await full.check()
    assert not report.ok
    assert any(says in finding for finding in report.findings), report.findings


async def test_a_damaged_page_is_found(full, tmp_path):
    connection = full._writer.database.conn
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchone()
    await full.close()
    with (tmp_path / "headend.db").open("r+b") as file:
        file.seek((page - 1) * 4096 + 8)
        file.write(b"\xff" * 32)
    reader = connect_reader(tmp_path / "headend.db")
    report = check(reader.conn)
    reader.close()
    assert any(finding.startswith("file:") for finding in report.findings), report
