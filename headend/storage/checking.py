"""Proof that a database is whole: the file, its references, the ledger's sums, and every command's history."""

import contextlib
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from attrs import frozen

from headend.commands.model import State
from headend.commands.transitions import allowed
from headend.storage.audit import chain_faults
from headend.storage.migrations import expected_schema, schema_of
from headend.storage.shapes import all_tables
from headend.storage.sqlite import Connection, SqliteError

#: Findings of one kind beyond this add nothing.
_MOST_FINDINGS: Final = 50


@frozen
class CheckReport:
    """What was found wrong (empty: nothing), and how much was looked at."""

    findings: tuple[str, ...]
    counted: dict[str, int]

    @property
    def ok(self) -> bool:
        """Whether everything is as it must be."""
        return not self.findings


def check(connection: Connection, *, of_the_file: bool = True) -> CheckReport:
    """Recompute everything that can be recomputed; without `of_the_file` only what the rows say, not how they lie."""
    findings: list[str] = []
    for look in _LOOKS:
        if look in _OF_THE_FILE and not of_the_file:
            continue
        try:
            findings += look(connection)
        except SqliteError as error:
            findings.append(f"file: what `{look.__name__.strip('_')}` looks at can't be read: {error}")
    return CheckReport(tuple(findings), _counted(connection))


def _file(connection: Connection) -> Iterator[str]:
    for (text,) in connection.execute(f"PRAGMA integrity_check({_MOST_FINDINGS})"):
        if text != "ok":
            yield f"file: {text}"


def _references(connection: Connection) -> Iterator[str]:
    for table, row, target, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(_MOST_FINDINGS):
        yield f"references: {table} row {row} points to nothing in {target}"


def _running_balances(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT s.id, a.consumer_no, s.balance, s.total FROM (SELECT id, account, balance,"
        " sum(amount) OVER (PARTITION BY account ORDER BY id) AS total FROM ledger) s"
        " JOIN accounts a ON a.id = s.account WHERE s.balance <> s.total ORDER BY s.id LIMIT ?",
        (_MOST_FINDINGS,),
    )
    for number, consumer_no, balance, total in rows:
        yield f"ledger: entry {number} of consumer {consumer_no} has balance {balance}, the entries add up to {total}"


def _payments(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT reference, count(*) FROM ledger WHERE kind = 'recharge' GROUP BY reference HAVING count(*) > 1 LIMIT ?",
        (_MOST_FINDINGS,),
    )
    for reference, count in rows:
        yield f"ledger: payment {reference} is booked {count} times"


def _signs(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT consumer_no FROM (SELECT a.consumer_no, a.negative_since, coalesce((SELECT balance FROM ledger l"
        " WHERE l.account = a.id ORDER BY l.id DESC LIMIT 1), 0) AS balance FROM accounts a"
        " WHERE a.balance_source = 'ledger') s WHERE (balance < 0) <> (negative_since IS NOT NULL) LIMIT ?",
        (_MOST_FINDINGS,),
    )
    for (consumer_no,) in rows:
        yield f"accounts: consumer {consumer_no} is noted on the wrong side of zero"


def _open_commands(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        "SELECT m.serial, count(*) FROM commands c JOIN meters m ON m.id = c.meter WHERE c.superseded_by IS NULL AND"
        " c.state IN ('requested', 'sending', 'unknown', 'quarantined') GROUP BY m.id HAVING count(*) > 1 LIMIT ?",
        (_MOST_FINDINGS,),
    )
    for serial, count in rows:
        yield f"journal: meter {serial} has {count} open commands"


def _histories(connection: Connection) -> Iterator[str]:
    """Each command's steps form an allowed chain that ends in its state."""
    states = dict(connection.execute("SELECT id, state FROM commands"))
    last: dict[int, str | None] = dict.fromkeys(states)
    for command, before, after in connection.execute("SELECT command, before, after FROM command_steps ORDER BY id"):
        came_from = None if before is None else State(before)
        if before != last.get(command) or not allowed(came_from, State(after)):
            yield f"journal: command {command} went from {last.get(command)} to {after}, noted as from {before}"
        last[command] = after
    for command, state in states.items():
        if last[command] != state:
            yield f"journal: command {command} is {state}, its last step says {last[command]}"


def _schema(connection: Connection) -> Iterator[str]:
    """Every table, index and guard is as the migrations made it: a tool that rewrites a table loses its triggers."""
    found = schema_of(connection)
    for name, statement in expected_schema().items():
        if found.get(name) != statement:
            yield f"schema: {name} is {'not as it was made' if name in found else 'gone'}"


def _tables(connection: Connection) -> Iterator[str]:
    """The tables of readings are there and kept immutable."""
    triggers = {table for (table,) in connection.execute("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'")}
    for _, table in all_tables(connection):
        if table not in triggers:
            yield f"readings: table {table} is gone or has lost its guard"


def _audit(connection: Connection) -> Iterator[str]:
    """Every deed is chained to the one before it."""
    yield from islice(chain_faults(connection), _MOST_FINDINGS)


_LOOKS: Final[tuple[Callable[[Connection], Iterator[str]], ...]] = (
    _file,
    _references,
    _running_balances,
    _payments,
    _signs,
    _open_commands,
    _histories,
    _schema,
    _tables,
    _audit,
)

#: Of the embedded store alone; a server looks after its own files.
_OF_THE_FILE: Final = (_file, _references, _schema, _tables)


def _counted(connection: Connection) -> dict[str, int]:
    tables = ("meters", "accounts", "ledger", "commands", "visits", "events", "conflicts", "audit")
    counted = {}
    for table in tables:
        with contextlib.suppress(SqliteError):
            (counted[table],) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  constants
    return counted
