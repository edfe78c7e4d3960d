"""Consumers and their opening balances as a CSV file tells them, each cell held to its rule."""

import re
from pathlib import Path
from sys import intern
from typing import Final

from attrs import frozen

from headend.storage import importing
from headend.storage.csvfile import Cells, read_lines
from headend.storage.errors import Problem

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


def _consumer(cells: Cells) -> Consumer:
    return Consumer(
        line=cells.line.number,
        consumer_no=cells.take("consumer_no", importing.consumer_no, ""),
        name=cells.take("name", importing.required, ""),
        language=intern(cells.take("language", _LANGUAGE, "")),
        mobile=cells.take("mobile", _MOBILE_OR_NONE, None),
        category=intern(cells.take("category", importing.required, "")),
        office=intern(cells.take("office", importing.office, "")),
        tariff=intern(cells.take("tariff", importing.required, "")),
        protected=cells.take("protected", _PROTECTED_OR_NONE, None),
        balance_source=intern(cells.take("balance_source", _SOURCE, "")),
        meter=cells.take("meter", _SERIAL_OR_NONE, None),
        opening=cells.take("opening_balance", _PAISE_OR_NONE, None),
        load=cells.take("sanctioned_load", _WATTS_OR_NONE, None),
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
    numbers = [(consumer.consumer_no, consumer.line) for consumer in consumers]
    meters = [(consumer.meter, consumer.line) for consumer in consumers if consumer.meter is not None]
    problems += [*importing.twins("consumer_no", numbers), *importing.twins("meter", meters)]


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


#: What each cell of a line is held to; made once, since a file may have a million lines.
_LANGUAGE: Final = importing.one_of("hi", "en")
_SOURCE: Final = importing.one_of("ledger", "meter")
_SERIAL_OR_NONE: Final = importing.or_none(importing.serial)
_MOBILE_OR_NONE: Final = importing.or_none(_mobile)
_PROTECTED_OR_NONE: Final = importing.or_none(_protected)
_PAISE_OR_NONE: Final = importing.or_none(_paise)
_WATTS_OR_NONE: Final = importing.or_none(_watts)
