"""Lists and single records, as screens and other systems see them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from headend.commands.latency import Latency
from headend.commands.model import Command, Step
from headend.meters.inventory import Meter
from headend.meters.reading import ProfileRows, Reading
from headend.notify.model import EventRow
from headend.prepaid.model import AccountView, Mode
from headend.prepaid.replay import Comparison
from headend.prepaid.story import Step as Told

Row = dict[str, Any]


class Listings(Protocol):
    """Every list by name, bounded by office; a list, filter or sort that there is not is refused."""

    async def page(
        self,
        name: str,
        *,
        office: str = "",
        filters: Mapping[str, str] | None = None,
        sort: str = "",
        offset: int = 0,
        limit: int = 50,
    ) -> tuple[list[Row], bool]:
        """One page, and whether there is more."""
        ...

    async def after(
        self,
        name: str,
        *,
        office: str = "",
        filters: Mapping[str, str] | None = None,
        key: str | int | None,
        limit: int,
    ) -> tuple[list[Row], str | int | None]:
        """Rows by their key from the one after `key`, and the key to go on with."""
        ...

    async def count(self, name: str, *, office: str = "", filters: Mapping[str, str] | None = None) -> int:
        """How many rows there are, up to a bound."""
        ...

    async def one(self, name: str, key: str | int, *, office: str = "") -> Row | None:
        """The row of a key within the office."""
        ...


class Coverage(Protocol):
    """An office and all below it."""

    @property
    def office(self) -> str:
        """Its path."""
        ...

    @property
    def meters(self) -> int:
        """How many there are."""
        ...

    @property
    def reached(self) -> int:
        """Those reached within a day."""
        ...

    @property
    def off(self) -> int:
        """Those without supply."""
        ...

    @property
    def failing(self) -> int:
        """Those whose last visit failed."""
        ...

    @property
    def share(self) -> float | None:
        """Reached of all."""
        ...


class Today(Protocol):
    """How the day goes."""

    @property
    def total(self) -> Coverage:
        """The office itself."""
        ...

    @property
    def offices(self) -> tuple[Coverage, ...]:
        """The offices below it."""
        ...

    @property
    def latency(self) -> Latency:
        """How long supply took to return."""
        ...


class Records(Protocol):
    """One thing at a time. Whatever lies outside `office` is told as unknown."""

    async def today(self, office: str) -> Today:
        """How the day goes in an office and below."""
        ...

    async def meter(self, office: str, serial: str) -> Meter:
        """A meter; raises UnknownMeter."""
        ...

    async def latest(self, office: str, serial: str) -> list[Reading]:
        """The newest value of each register."""
        ...

    async def history(self, office: str, serial: str, register: str, since: datetime, until: datetime) -> list[Reading]:
        """The values of a register."""
        ...

    async def rows(self, office: str, serial: str, profile: str, since: datetime, until: datetime) -> list[ProfileRows]:
        """Rows of a profile."""
        ...

    async def command(self, office: str, number: int) -> tuple[Command, list[Step]]:
        """A command with its steps; raises UnknownCommand."""
        ...

    async def account(self, office: str, consumer_no: str) -> AccountView:
        """An account with every fact of now; raises UnknownConsumer."""
        ...

    async def story(self, office: str, consumer_no: str, language: str, limit: int) -> tuple[str, list[Told]]:
        """The account in words: its state, and the newest steps, oldest first."""
        ...

    async def plans(self, office: str, consumer_no: str) -> list[Any]:
        """Instalment plans, newest first."""
        ...

    async def decisions(self, office: str, consumer_no: str, limit: int) -> list[Any]:
        """The newest decisions, newest first."""
        ...

    async def events_after(self, office: str, number: int, limit: int) -> tuple[list[EventRow], int]:
        """Events of an office with a number above `number`, and the number to go on from."""
        ...

    async def last_event(self) -> int:
        """The number of the newest event."""
        ...

    async def offices(self, office: str) -> list[str]:
        """Every office that has a meter or an account, within `office`, with those above it."""
        ...

    async def modes(self) -> dict[str, Mode]:
        """The modes that were set, by office."""
        ...

    async def mode_proposals(self) -> list[Any]:
        """Modes that wait for a second person."""
        ...

    async def replay(self, text: str, since: datetime, *, automatic: bool) -> Comparison:
        """What other rules (a policy file's text) would have decided; raises PolicyError and its like."""
        ...

    async def audit_report(self, *, anew: bool = False) -> Any:  # noqa: ANN401  findings, rows, head, mark
        """Whether the chain of the audit is whole, from where the last look ended; `anew`: from its first row."""
        ...

    async def accounts_without_number(self, office: str) -> dict[str, int]:
        """How many consumers of each office have no working number."""
        ...

    def rules(self) -> dict[str, Any]:
        """The rules in force, as a person reads them."""
        ...

    def preview(self, language: str) -> list[tuple[str, str]]:
        """Every message with an example's words, by kind."""
        ...

    def capture_period(self, model: str, profile: str) -> timedelta | None:
        """How far two rows of a profile are apart, None where it is not periodic or not known."""
        ...
