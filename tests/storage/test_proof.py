import pytest
from pysqlite3 import connect
from store_making import CONSUMER, energy, keep, settle_in, visit

from headend.prepaid.model import EntryKind


@pytest.fixture
async def booked(store, tmp_path, clock):
    await settle_in(store, tmp_path, count=2)
    await store.accounts.recharge(CONSUMER, 50_00, "PAY-1", clock.now, "desk", None)
    for span in ("0-100", "100-250"):
        entry = energy(clock, -10_00, f"HED0000001:{span}")
        await store.fleet.record_visit(visit(clock), lambda view, entry=entry: keep(view, entries=(entry,)))
    asked = await store.books.propose_correction(CONSUMER, -1_00, "a slip", "officer-1")
    await store.books.approve(asked.id, "officer-2", None)
    return store


def tamper(store, *statements):
    connection = connect(store.path)
    for trigger in ("ledger_is_append_only", "ledger_runs_on", "corrections_are_decided_once"):
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


async def test_every_sum_of_a_sound_ledger_is_proven(booked):
    report = await booked.books.check()
    assert report.ok, report
    assert (report.accounts, report.entries, report.total) == (2, 6, 229_00)
    assert report.by_kind == {
        EntryKind.OPENING: 200_00,
        EntryKind.RECHARGE: 50_00,
        EntryKind.ENERGY: -20_00,
        EntryKind.CORRECTION: -1_00,
    }


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE ledger SET amount = amount + 1 WHERE kind = 'recharge'", "shows a balance"),
        ("UPDATE ledger SET balance = balance - 1 WHERE kind = 'energy'", "shows a balance"),
        (
            "UPDATE ledger SET reference = 'HED0000001:50-250' WHERE reference = 'HED0000001:100-250'",
            "charged up to 100",
        ),
        ("UPDATE accounts SET negative_since = 5 WHERE id = 1", "wrong side of zero"),
        ("UPDATE ledger SET kind = 'reversal' WHERE kind = 'correction'", "nobody approved"),
        ("UPDATE corrections SET amount = -200", "nobody approved"),
        (
            "INSERT INTO energy_marks VALUES (1, 200, 0, 0, 0, '', 0)",
            "its mark stands at 200",
        ),
    ],
)
async def test_a_sum_that_was_tampered_with_is_found(booked, statement, finding):
    tamper(booked, statement)
    report = await booked.books.check()
    assert not report.ok
    assert any(finding in each for each in report.findings), report.findings
