"""Import of consumers and their opening balances from CSV. It may be repeated: what is known is not booked again."""

import re
from datetime import datetime
from pathlib import Path
from typing import Final

from attrs import define, evolve, frozen

from headend.prepaid.model import EntryKind, NewEntry
from headend.storage import importing
from headend.storage.csvfile import Cells, read_lines
from headend.storage.errors import EntryConflict, Problem
from headend.storage.events import emit
from headend.storage.importing import ImportReport, Progress, silent
from headend.storage.ledger import book
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros

COLUMNS: Final = (
    "consumer_no",
    "name",
    "language",
    "mobile",
    "category",
    "office",
    "tariff",
    "protected",
    "balance_source",
    "meter",
    "opening_balance",
)

#: What a file may leave out: then everybody keeps the sanctioned load that is known.
OPTIONAL: Final = ("sanctioned_load",)

#: Lines that go in at once: enough that a statement's own cost does not show, few enough to tell progress by.
PIECE: Final = 500

_ADD: Final = """
INSERT INTO accounts (name, language, mobile, category, office, tariff, protected, balance_source,
  sanctioned_load, consumer_no, reconciled, converted_at, negative_since)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

#: The first entry of an account that was just added: its running balance is its amount.
_ADD_OPENING: Final = """
INSERT INTO ledger (account, kind, amount, reference, at, booked_at, note, balance)
SELECT id, ?, ?, 'opening', ?, ?, 'import', ? FROM accounts WHERE consumer_no = ?
"""

_KNOWN: Final = """
SELECT consumer_no, name, language, mobile, category, office, tariff, protected, balance_source, sanctioned_load
FROM accounts WHERE consumer_no IN
"""

_LINK: Final = "UPDATE meters SET consumer_no = ? WHERE serial = ?"

_MOBILE: Final = re.compile(r"(\+91)?[0-9]{10}")
_KILOWATTS: Final = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,3}))?")
_RUPEES: Final = re.compile(r"(-?)([0-9]{1,9})\.([0-9]{2})")


@frozen
class Consumer:
    """One line of the file; `opening` in paise and `load` in W, None when the cell is empty.

    `tells_load`: the file has a column for it.
    """

    line: int
    consumer_no: str
    name: str
    language: str
    mobile: str | None
    category: str
    office: str
    tariff: str
    protected: str | None
    balance_source: str
    meter: str | None
    opening: int | None
    load: int | None = None
    tells_load: bool = False


@define
class Links:
    """Which meter has which consumer, as the transaction stands."""

    consumer_of: dict[str, str | None]
    meter_of: dict[str, str]


def parse_consumers(file: Path, tariffs: frozenset[str] | None = None) -> tuple[list[Consumer], list[Problem]]:
    """The consumers of a file, and what is wrong with it; `tariffs` are those that may be named (None: any)."""
    problems: list[Problem] = []
    consumers = []
    for line in read_lines(file, COLUMNS, problems, OPTIONAL):
        cells = Cells(line, problems)
        consumer = _consumer(cells)
        if not cells.failed:
            consumers.append(consumer)
    _refuse_twins(consumers, problems)
    _refuse_unknown_tariffs(consumers, tariffs, problems)
    return consumers, problems


def write_consumers(
    connection: Connection,
    consumers: list[Consumer],
    problems: list[Problem],
    report: ImportReport,
    now: datetime,
    progress: Progress = silent,
    by_load: frozenset[str] = frozenset(),
) -> None:
    """Add and change accounts in the current transaction; contradictions with the store are added to `problems`.

    What is new goes in by a few statements a piece of the file; what is there already is looked at one by one.
    `by_load`: the tariffs that charge by the sanctioned load, and so need one.
    """
    links = _links(connection)
    problems += [
        Problem(consumer.line, "meter", wrong)
        for consumer in consumers
        if (wrong := _wrong_link(links, consumer)) is not None
    ]
    for begun in range(0, 0 if problems else len(consumers), PIECE):
        piece = consumers[begun : begun + PIECE]
        known = _known(connection, piece)
        piece = [_with_known_load(consumer, known.get(consumer.consumer_no)) for consumer in piece]
        problems += [
            Problem(consumer.line, "sanctioned_load", f"is missing, and the tariff {consumer.tariff} charges by it")
            for consumer in piece
            if consumer.load is None and consumer.tariff in by_load
        ]
        new = [consumer for consumer in piece if consumer.consumer_no not in known]
        _add(connection, links, new, now)
        report.added += len(new)
        for consumer in piece:
            if (before := known.get(consumer.consumer_no)) is not None and not problems:
                _count(report, _update(connection, links, consumer, before, problems, now))
        progress(begun + len(piece), len(consumers))


def _known(connection: Connection, piece: list[Consumer]) -> dict[str, tuple[object, ...]]:
    """What is stored of those consumers of a piece that have an account."""
    marks = ", ".join("?" * len(piece))
    rows = connection.execute(
        f"{_KNOWN} ({marks})",
        tuple(consumer.consumer_no for consumer in piece),
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def _add(connection: Connection, links: Links, new: list[Consumer], now: datetime) -> None:
    at = to_micros(now)
    connection.executemany(_ADD, [_row(consumer, at) for consumer in new])
    openings = [
        (EntryKind.OPENING.value, consumer.opening, at, at, consumer.opening, consumer.consumer_no)
        for consumer in new
        if consumer.opening is not None
    ]
    connection.executemany(_ADD_OPENING, openings)
    linked = [consumer for consumer in new if consumer.meter is not None]
    for consumer in linked:
        _note_link(links, consumer)
    connection.executemany(_LINK, [(consumer.consumer_no, consumer.meter) for consumer in linked])


def _row(consumer: Consumer, at: int) -> tuple[object, ...]:
    # Nobody is cut on a balance that is not known: without an opening balance a ledger account is not reconciled.
    reconciled = consumer.opening is not None or consumer.balance_source == "meter"
    in_debt = consumer.balance_source == "ledger" and consumer.opening is not None and consumer.opening < 0
    return (*_values(consumer), consumer.consumer_no, int(reconciled), at, at if in_debt else None)


def _update(
    connection: Connection,
    links: Links,
    consumer: Consumer,
    before: tuple[object, ...],
    problems: list[Problem],
    now: datetime,
) -> list[str]:
    return [
        _write_account(connection, consumer, before, now),
        _link(connection, links, consumer),
        _open(connection, consumer, problems, now),
    ]


def _count(report: ImportReport, changes: list[str]) -> None:
    if "changed" in changes:
        report.changed += 1
    else:
        report.unchanged += 1


def _consumer(cells: Cells) -> Consumer:
    return Consumer(
        line=cells.line.number,
        consumer_no=cells.take("consumer_no", importing.consumer_no, ""),
        name=cells.take("name", importing.required, ""),
        language=cells.take("language", importing.one_of("hi", "en"), ""),
        mobile=cells.take("mobile", importing.or_none(_mobile), None),
        category=cells.take("category", importing.required, ""),
        office=cells.take("office", importing.office, ""),
        tariff=cells.take("tariff", importing.required, ""),
        protected=cells.take("protected", importing.or_none(_protected), None),
        balance_source=cells.take("balance_source", importing.one_of("ledger", "meter"), ""),
        meter=cells.take("meter", importing.or_none(importing.serial), None),
        opening=cells.take("opening_balance", importing.or_none(_paise), None),
        load=cells.take("sanctioned_load", importing.or_none(_watts), None),
        tells_load="sanctioned_load" in cells.line.cells,
    )


def _refuse_unknown_tariffs(consumers: list[Consumer], tariffs: frozenset[str] | None, problems: list[Problem]) -> None:
    if tariffs is None:
        return
    for consumer in consumers:
        if consumer.tariff not in tariffs:
            known = ", ".join(sorted(tariffs))
            reason = f"{consumer.tariff!r} is not configured; known are {known}"
            problems.append(Problem(consumer.line, "tariff", reason))


def _refuse_twins(consumers: list[Consumer], problems: list[Problem]) -> None:
    first_lines: dict[tuple[str, str], int] = {}
    for consumer in consumers:
        for column, value in (("consumer_no", consumer.consumer_no), ("meter", consumer.meter)):
            first = first_lines.setdefault((column, value), consumer.line) if value is not None else consumer.line
            if first != consumer.line:
                problems.append(Problem(consumer.line, column, f"{value} stands in line {first} already"))


def _links(connection: Connection) -> Links:
    consumer_of: dict[str, str | None] = dict(connection.execute("SELECT serial, consumer_no FROM meters"))
    return Links(consumer_of, {consumer: serial for serial, consumer in consumer_of.items() if consumer is not None})


def _wrong_link(links: Links, consumer: Consumer) -> str | None:
    if consumer.meter is None:
        return None
    if consumer.meter not in links.consumer_of:
        return f"{consumer.meter} is not in the inventory; import the meters first"
    holder = links.consumer_of[consumer.meter]
    if holder not in (None, consumer.consumer_no):
        return f"{consumer.meter} already belongs to consumer {holder}"
    other = links.meter_of.get(consumer.consumer_no, consumer.meter)
    return None if other == consumer.meter else f"consumer {consumer.consumer_no} already has meter {other}"


def _values(consumer: Consumer) -> tuple[object, ...]:
    return (
        consumer.name,
        consumer.language,
        consumer.mobile,
        consumer.category,
        consumer.office,
        consumer.tariff,
        consumer.protected,
        consumer.balance_source,
        consumer.load,
    )


def _with_known_load(consumer: Consumer, before: tuple[object, ...] | None) -> Consumer:
    known = None if before is None or consumer.tells_load else before[-1]
    return evolve(consumer, load=known) if isinstance(known, int) else consumer


def _write_account(connection: Connection, consumer: Consumer, before: tuple[object, ...], now: datetime) -> str:
    values = _values(consumer)
    if before == values:
        return "unchanged"
    if before[6] != consumer.protected:
        payload = {"before": before[6], "after": consumer.protected, "by": "import"}
        emit(connection, now, "account.protected", consumer_no=consumer.consumer_no, payload=payload)
    connection.execute(
        "UPDATE accounts SET (name, language, mobile, category, office, tariff, protected, balance_source,"
        " sanctioned_load) = (?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE consumer_no = ?",
        (*values, consumer.consumer_no),
    )
    return "changed"


def _link(connection: Connection, links: Links, consumer: Consumer) -> str:
    if consumer.meter is None or links.consumer_of[consumer.meter] == consumer.consumer_no:
        return "unchanged"
    connection.execute(_LINK, (consumer.consumer_no, consumer.meter))
    _note_link(links, consumer)
    return "changed"


def _note_link(links: Links, consumer: Consumer) -> None:
    if consumer.meter is not None:
        links.consumer_of[consumer.meter] = consumer.consumer_no
        links.meter_of[consumer.consumer_no] = consumer.meter


def _open(connection: Connection, consumer: Consumer, problems: list[Problem], now: datetime) -> str:
    if consumer.opening is None:
        return "unchanged"
    entry = NewEntry(consumer.consumer_no, EntryKind.OPENING, consumer.opening, "opening", now, "import")
    try:
        booking = book(connection, entry, now)
    except EntryConflict:
        problems.append(
            Problem(consumer.line, "opening_balance", "another opening balance is booked; correct it by a ledger entry")
        )
        return "unchanged"
    if booking.repeated:
        return "unchanged"
    connection.execute(
        "UPDATE accounts SET reconciled = 1 WHERE consumer_no = ? AND reconciled = 0", (consumer.consumer_no,)
    )
    return "changed"


def _protected(text: str) -> str | None:
    """Why a consumer is protected; a plain yes or no, as other systems export it, is understood."""
    plain = text.strip().lower()
    if plain in ("no", "false", "0"):
        return None
    return "protected" if plain in ("yes", "true", "1") else importing.optional(text)


def _mobile(text: str) -> str:
    if not _MOBILE.fullmatch(text):
        raise ValueError(f"{text!r} is not a mobile number; it has 10 digits")
    return text


def _watts(text: str) -> int:
    found = _KILOWATTS.fullmatch(text)
    watts = 0 if found is None else int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0"))
    if not watts:
        raise ValueError(f"{text!r} is no load; write kW above zero, such as 2 or 1.5")
    return watts


def _paise(text: str) -> int:
    found = _RUPEES.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an amount; write rupees with two decimals, such as 250.00 or -12.50")
    sign, rupees, paise = found.groups()
    amount = int(rupees) * 100 + int(paise)
    return -amount if sign else amount
