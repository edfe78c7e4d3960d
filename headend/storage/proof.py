"""Every sum of the ledger proven: computed again from the single entries, with nothing that the store keeps ready."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from attrs import define, field, frozen

from headend.storage.sqlite import Connection
from headend.storage.times import to_micros

#: Findings beyond this add nothing.
_MOST_FINDINGS: Final = 200


@frozen
class LedgerReport:
    """What was found wrong (empty: nothing), how much was looked at, and the sums in paise, all and by kind."""

    findings: tuple[str, ...]
    accounts: int
    entries: int
    total: int
    by_kind: dict[str, int]

    @property
    def ok(self) -> bool:
        """Whether every sum is proven."""
        return not self.findings


@define
class _Sums:
    """Added up in this process, entry by entry; nothing of it was asked of the database."""

    balance: dict[int, int] = field(factory=lambda: defaultdict(int))
    by_kind: dict[str, int] = field(factory=lambda: defaultdict(int))
    entries: int = 0
    wrong: list[str] = field(factory=list)
    charged: dict[tuple[int, str], int] = field(factory=dict)
    payments: set[str] = field(factory=set)


def prove(connection: Connection) -> LedgerReport:
    """Add everything up again, and compare with what the store shows."""
    sums = _Sums()
    for row in connection.execute("SELECT id, account, kind, amount, reference, balance FROM ledger ORDER BY id"):
        _add(sums, row)
    numbers = dict(connection.execute("SELECT id, consumer_no FROM accounts"))
    findings = sums.wrong
    for look in _LOOKS:
        findings += look(connection, sums)
    total = sum(sums.balance.values())
    if total != sum(sums.by_kind.values()):
        findings.append("the accounts and the kinds do not add up to the same")
    return LedgerReport(tuple(findings[:_MOST_FINDINGS]), len(numbers), sums.entries, total, dict(sums.by_kind))


def balance_at(connection: Connection, account: int, moment: datetime) -> int:
    """The balance that the ledger showed at a moment, in paise: everything booked until then."""
    row = connection.execute(
        "SELECT coalesce(sum(amount), 0) FROM ledger WHERE account = ? AND booked_at <= ?", (account, to_micros(moment))
    ).fetchone()
    return int(row[0])


def meter_balance_at(connection: Connection, meter: int | None, moment: datetime) -> int | None:
    """The last balance that the meter had shown by a moment, in paise; None where none was read."""
    row = connection.execute(
        "SELECT v.value, v.exponent FROM register_values v JOIN registers r ON r.id = v.register"
        " WHERE v.meter = ? AND r.name = 'balance' AND r.unit = 'INR' AND v.at <= ? AND v.exponent IS NOT NULL"
        " ORDER BY v.at DESC LIMIT 1",
        (meter, to_micros(moment)),
    ).fetchone()
    if row is None:
        return None
    value, exponent = row
    return int(Decimal(value).scaleb(exponent + 2).to_integral_value(ROUND_FLOOR))


def _add(sums: _Sums, row: tuple[int, int, str, int, str, int]) -> None:
    number, account, kind, amount, reference, balance = row
    sums.entries += 1
    sums.balance[account] += amount
    sums.by_kind[kind] += amount
    if balance != sums.balance[account]:
        sums.wrong.append(f"entry {number} shows a balance of {balance}, the entries add up to {sums.balance[account]}")
        sums.balance[account] = balance
    if kind == "recharge":
        if reference in sums.payments:
            sums.wrong.append(f"entry {number}: payment {reference} is booked twice")
        sums.payments.add(reference)
    elif kind == "energy":
        _energy(sums, number, account, reference)


def _energy(sums: _Sums, number: int, account: int, reference: str) -> None:
    """No watt-hour is charged twice: the spans of one meter follow each other."""
    meter, _, span = reference.rpartition(":")
    first, _, last = span.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        return
    upto = sums.charged.get((account, meter))
    if upto is not None and int(first) < upto:
        sums.wrong.append(f"entry {number} charges meter {meter} from {first} Wh, charged up to {upto} Wh before")
    sums.charged[account, meter] = max(int(last), upto or 0)


def _marks(connection: Connection, sums: _Sums) -> Iterator[str]:
    """What is charged was read: no entry goes beyond the register's mark."""
    rows = dict(connection.execute("SELECT m.serial, e.energy_wh FROM energy_marks e JOIN meters m ON m.id = e.meter"))
    for (_, meter), upto in sums.charged.items():
        if meter in rows and upto > rows[meter]:
            yield f"meter {meter} is charged up to {upto} Wh, its mark stands at {rows[meter]} Wh"


def _last_balances(connection: Connection, sums: _Sums) -> Iterator[str]:
    rows = connection.execute(
        "SELECT a.id, a.consumer_no, a.balance_source, a.negative_since FROM accounts a ORDER BY a.id"
    )
    for account, consumer_no, source, negative_since in rows:
        if source == "ledger" and (sums.balance[account] < 0) != (negative_since is not None):
            yield f"consumer {consumer_no} is noted on the wrong side of zero"


def _corrections(connection: Connection, _: _Sums) -> Iterator[str]:
    """Each correction in the ledger was approved, with that amount; each approval is in the ledger."""
    rows = connection.execute(
        "SELECT l.id FROM ledger l LEFT JOIN corrections c ON c.entry = l.id AND c.account = l.account"
        " AND c.amount = l.amount AND c.kind = l.kind WHERE l.kind IN ('correction', 'reversal') AND c.id IS NULL"
    )
    for (entry,) in rows:
        yield f"entry {entry} is a correction that nobody approved"
    wrong = connection.execute(
        "SELECT c.id FROM corrections c JOIN ledger l ON l.id = c.reverses"
        " WHERE l.amount <> -c.amount OR l.account <> c.account"
    )
    for (number,) in wrong:
        yield f"correction {number} does not undo the entry that it reverses"


def _plans(connection: Connection, _: _Sums) -> Iterator[str]:
    """What a plan took out of the ledger is what its parts bring back."""
    rows = connection.execute(
        "SELECT p.id, p.total, l.amount, (SELECT sum(amount) FROM instalments i WHERE i.plan = p.id),"
        " (SELECT count(*) FROM instalments i JOIN ledger b ON b.id = i.entry WHERE i.plan = p.id"
        " AND b.amount <> -i.amount) FROM instalment_plans p JOIN ledger l ON l.id = p.entry"
    )
    for plan, total, entry, parts, wrong in rows:
        if not total == entry == parts or wrong:
            yield f"instalment plan {plan} over {total} took {entry} out of the ledger, its parts are {parts}"


_LOOKS: Final[tuple[Callable[[Connection, _Sums], Iterator[str]], ...]] = (
    _last_balances,
    _marks,
    _corrections,
    _plans,
)
