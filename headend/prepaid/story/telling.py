"""What happened to an account, put into sentences. The words stand in a TOML file per language."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

from attrs import frozen

from headend.prepaid.model import Facts
from headend.prepaid.money import format_rupees

LANGUAGES: Final = ("hi", "en")


@frozen
class Money:
    """Ledger entries of one kind, one after another (energy of a day), `first` to `last` by number."""

    at: datetime
    kind: str
    amount: int
    balance: int
    reference: str
    note: str
    first: int
    last: int


@frozen
class Decided:
    """A decision with the facts it rested on, made `times` times until `until`."""

    at: datetime
    id: int
    verdict: str
    reason: str
    would: bool
    times: int
    until: datetime
    facts: Facts


@frozen
class Told:
    """A notice; `text` is what the consumer was told."""

    at: datetime
    id: int
    kind: str
    text: str
    delivered_at: datetime | None


@frozen
class Moved:
    """One step of a relay command."""

    at: datetime
    id: int
    target: str
    state: str
    note: str


Happening = Money | Decided | Told | Moved


@frozen
class Step:
    """One sentence of the story, when it happened, and where it can be looked up."""

    at: datetime
    text: str
    evidence: str


@frozen
class Teller:
    """Tells in one language; times are those of `time_zone`."""

    words: Mapping[str, Mapping[str, str]]
    time_zone: str

    def summary(self, facts: Facts, reason: str | None) -> str:
        """How the account stands now, and why."""
        words = self.words["summary"]
        supply = words[{None: "not_read", True: "connected", False: "disconnected"}[facts.relay_connected]]
        kind = "unknown" if facts.balance is None else "known"
        parts = [
            words[kind].format(
                consumer_no=facts.account.consumer_no,
                name=facts.account.name,
                balance=_rupees(facts.balance),
                balance_at=self.time(facts.balance_at),
                supply=supply,
            )
        ]
        if facts.account.sanctioned_load is not None:
            load = f"{facts.account.sanctioned_load / 1000:g}"
            parts.append(words["load"].format(load=load, tariff=facts.account.tariff))
        if facts.negative_since is not None:
            parts.append(words["below"].format(since=self.time(facts.negative_since)))
        if reason is not None:
            parts.append(words["because"].format(reason=self._reason(reason)))
        return " ".join(parts)

    def step(self, happening: Happening) -> Step:
        """One happening as a sentence with its evidence."""
        match happening:
            case Money():
                return Step(happening.at, *self._money(happening))
            case Decided():
                return Step(happening.at, *self._decided(happening))
            case Told():
                return Step(happening.at, *self._told(happening))
            case Moved():
                return Step(happening.at, *self._moved(happening))

    def _money(self, money: Money) -> tuple[str, str]:
        words = self.words["entry"]
        amount = format_rupees(money.amount if money.kind in _SIGNED else abs(money.amount))
        text = words[money.kind].format(amount=amount, reference=money.reference, note=money.note)
        balance = words["balance"].format(balance=format_rupees(money.balance))
        name = "entry" if money.first == money.last else "entries"
        evidence = self.words["evidence"][name].format(id=money.last, first=money.first, last=money.last)
        return f"{text.strip()} {balance}", evidence

    def _decided(self, decided: Decided) -> tuple[str, str]:
        words = self.words["decision"]
        parts = [f"{words[decided.verdict]}: {self._reason(decided.reason)}"]
        if decided.would:
            parts.append(words["would"])
        if decided.times > 1:
            parts.append(words["seen"].format(times=decided.times, until=self.time(decided.until)))
        evidence = self.words["evidence"]["decision"].format(
            id=decided.id,
            balance=_rupees(decided.facts.balance),
            balance_at=self.time(decided.facts.balance_at),
            reading_at=self.time(decided.facts.reading_at),
        )
        return " ".join(parts), evidence

    def _told(self, told: Told) -> tuple[str, str]:
        words = self.words["notice"]
        said = words.get(told.kind) or words["other"].format(kind=told.kind)
        when = "undelivered" if told.delivered_at is None else "delivered"
        text = f"{said} {words[when].format(delivered=self.time(told.delivered_at))} “{told.text}”"
        return text, self.words["evidence"]["notice"].format(id=told.id)

    def _moved(self, moved: Moved) -> tuple[str, str]:
        words = self.words["command"]
        mark = "।" if self.words["summary"]["known"].endswith("।") else "."
        text = f"{words[moved.target]} {words[moved.state]}{mark}"
        return text, self.words["evidence"]["command"].format(id=moved.id, note=moved.note).rstrip(": ")

    def _reason(self, reason: str) -> str:
        mark = "।" if self.words["summary"]["known"].endswith("।") else "."
        return self.words["reason"].get(reason, reason) + mark

    def time(self, moment: datetime | None) -> str:
        """A time as it is said, local; a question mark for none."""
        return "?" if moment is None else f"{moment.astimezone(ZoneInfo(self.time_zone)):%d-%m-%Y %H:%M}"


#: Kinds that may be in the consumer's favour or against: their sign is part of what is said.
_SIGNED: Final = frozenset({"opening", "arrears", "reversal", "correction"})


def teller(language: str, time_zone: str) -> Teller:
    """Who tells in that language, one of LANGUAGES; KeyError for another."""
    if language not in LANGUAGES:
        raise KeyError(language)
    return Teller(_words(language), time_zone)


@cache
def _words(language: str) -> Mapping[str, Mapping[str, str]]:
    text = resources.files("headend.prepaid.story").joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _rupees(paise: int | None) -> str:
    return "?" if paise is None else format_rupees(paise)
