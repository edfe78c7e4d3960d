"""What the console and the API look at, one thing at a time; what is outside the asker's office is told as unknown."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from attrs import Factory, define, evolve, field

from headend.app.wiring import Headend
from headend.commands.model import Command, Step
from headend.commands.officers import within
from headend.meters.inventory import Meter
from headend.meters.reading import ProfileRows, Reading
from headend.notify.model import EventRow, NoticeKind
from headend.prepaid.digest import policy_text
from headend.prepaid.model import AccountView, Mode
from headend.prepaid.replay import Comparison
from headend.prepaid.rules import default_rules, parse_policy
from headend.prepaid.story import Step as Told
from headend.prepaid.story import teller
from headend.storage.accounts import StoredDecision
from headend.storage.audit import AuditReport, Mark
from headend.storage.errors import UnknownCommand, UnknownConsumer, UnknownMeter
from headend.storage.instalments import Plan
from headend.storage.modes import ModeProposal
from headend.storage.today import Today

T = TypeVar("T")

#: What many look at is computed so often at most.
_FRESH_FOR: Final = timedelta(seconds=4)
#: Rows of the audit that one look at the page recomputes.
_AUDIT_STEP: Final = 20_000
#: Each placeholder of a message, as the preview fills it in.
_EXAMPLE: Final[dict[str, str]] = {
    "consumer_no": "20000000001",
    "name": "राम कुमार / Ram Kumar",
    "balance": "₹123.50",
    "amount": "₹500.00",
    "code": "482913",
    "minutes": "10",
    "level": "₹200.00",
    "days": "3",
    "needed": "₹150.00",
    "planned": "26.11.2026 10:00",
    "payment_id": "PAY-1042",
    "number": "XXXXXX3210",
}


@define(eq=False)
class OfficeRecords:
    """Implements `Records` of the web faces."""

    headend: Headend
    _todays: dict[str, tuple[datetime, Today]] = field(factory=dict, init=False)
    _offices: tuple[datetime, list[str]] | None = field(default=None, init=False)
    _unreachable: dict[str, tuple[datetime, dict[str, int]]] = field(factory=dict, init=False)
    #: In memory alone: whoever can change the audit in the database could change a mark there too.
    _audited: Mark = field(factory=Mark, init=False)
    now: Callable[[], datetime] = Factory(lambda self: self.headend.clock.now, takes_self=True)

    async def today(self, office: str) -> Today:
        """How the day goes; kept for some seconds, since every open page asks."""
        return await self._kept(self._todays, office, self.headend.store.todays.today)

    async def meter(self, office: str, serial: str) -> Meter:
        """A meter within the office; raises UnknownMeter."""
        found = await self.headend.store.fleet.meter(serial)
        if found is None or not within(found.office, office):
            raise UnknownMeter(serial)
        return found

    async def latest(self, office: str, serial: str) -> list[Reading]:
        """The newest value of each register."""
        await self.meter(office, serial)
        return await self.headend.store.fleet.latest(serial)

    async def history(self, office: str, serial: str, register: str, since: datetime, until: datetime) -> list[Reading]:
        """The values of a register."""
        await self.meter(office, serial)
        return await self.headend.store.fleet.history(serial, register, since, until)

    async def rows(self, office: str, serial: str, profile: str, since: datetime, until: datetime) -> list[ProfileRows]:
        """Rows of a profile."""
        await self.meter(office, serial)
        return await self.headend.store.fleet.rows(serial, profile, since, until)

    async def command(self, office: str, number: int) -> tuple[Command, list[Step]]:
        """A command with its steps."""
        journal = self.headend.store.journal
        found = await journal.command(number)
        row = await self.headend.store.listings.one("commands", number, office=office)
        if found is None or row is None:
            raise UnknownCommand(number)
        return found, await journal.steps(number)

    async def account(self, office: str, consumer_no: str) -> AccountView:
        """An account with every fact of now."""
        found = await self.headend.store.accounts.view(consumer_no, self.now())
        if not within(found.facts.account.office, office):
            raise UnknownConsumer(consumer_no)
        return found

    async def story(self, office: str, consumer_no: str, language: str, limit: int) -> tuple[str, list[Told]]:
        """The account in words."""
        await self.account(office, consumer_no)
        story = await self.headend.store.accounts.story(consumer_no, self.now(), limit)
        told_in = teller(language, story.time_zone)
        return told_in.summary(story.view.facts, story.reason), [told_in.step(each) for each in story.happenings]

    async def plans(self, office: str, consumer_no: str) -> list[Plan]:
        """Instalment plans."""
        await self.account(office, consumer_no)
        return await self.headend.store.books.plans(consumer_no)

    async def decisions(self, office: str, consumer_no: str, limit: int) -> list[StoredDecision]:
        """The newest decisions."""
        await self.account(office, consumer_no)
        return await self.headend.store.accounts.decisions(consumer_no, limit)

    async def events_after(self, office: str, number: int, limit: int) -> tuple[list[EventRow], int]:
        """Events of an office, in order; the number to go on from rises over those of other offices too."""
        found = await self.headend.store.events.events(number, limit)
        last = found[-1].number if found else number
        if not office:
            return found, last
        mine = []
        for event in found:
            row = await self.headend.store.listings.one("events", event.number, office=office)
            if row is not None:
                mine.append(event)
        return mine, last

    async def last_event(self) -> int:
        """The number of the newest event."""
        return await self.headend.store.events.last_number()

    async def offices(self, office: str) -> list[str]:
        """Every office within `office` that has meters, with those above it."""
        if self._offices is None or self.now() - self._offices[0] > _FRESH_FOR * 15:
            self._offices = (self.now(), await self.headend.store.todays.offices())
        paths: set[str] = set()
        for path in self._offices[1]:
            parts = path.split("/")
            paths.update("/".join(parts[:length]) for length in range(1, len(parts) + 1))
        return sorted(path for path in paths if within(path, office))

    async def modes(self) -> dict[str, Mode]:
        """The modes that were set."""
        return await self.headend.store.switches.modes()

    async def mode_proposals(self) -> list[ModeProposal]:
        """Modes that wait for a second person."""
        return await self.headend.store.switches.proposed_modes()

    async def replay(self, text: str, since: datetime, *, automatic: bool) -> Comparison:
        """What other rules would have decided."""
        policy = parse_policy(text, "the rules")
        # What officers added to the calendar holds whatever the rules are.
        closed = await self.headend.store.console.closures.of_house()
        policy = evolve(policy, calendar=policy.calendar.beside(closed))
        return await self.headend.store.accounts.replay(policy, since, automatic=automatic)

    async def audit_report(self, *, anew: bool = False) -> AuditReport:
        """Whether the chain is whole: from where the last look ended, in steps; all of it in one go when `anew`."""
        audit = self.headend.store.audit
        report = await (audit.verify() if anew else audit.verify_from(self._audited, _AUDIT_STEP))
        if report.ok:
            self._audited = report.mark
        return report

    async def accounts_without_number(self, office: str) -> dict[str, int]:
        """Consumers without a working number, by office."""
        return await self._kept(self._unreachable, office, self.headend.store.todays.without_number)

    def rules(self) -> dict[str, Any]:
        """The rules in force."""
        policy, document = self.headend.setup.policy, self.headend.setup.settings.document.policy
        return {
            "name": policy.name,
            "text": policy_text(policy),
            "toml": self._policy_file(),
            "caps": policy.caps,
            "calendar": policy.calendar,
            "second_person": document.second_person,
            "alone": document.approve_alone,
        }

    def _policy_file(self) -> str:
        """The policy as its file has it now; empty where that can't be read any more."""
        settings = self.headend.setup.settings
        file = settings.document.policy.file
        if file is None:
            return default_rules()
        try:
            return settings.beside(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    def preview(self, language: str) -> list[tuple[str, str]]:
        """Every message with an example's words."""
        templates = self.headend.setup.texts.templates.get(language)
        texts = {} if templates is None else templates.texts
        return [(kind.value, _filled(texts[kind])) for kind in NoticeKind if kind in texts]

    def capture_period(self, model: str, profile: str) -> timedelta | None:
        """How far two rows of a profile are apart."""
        for each in self.headend.model(model).profiles:
            if each.name == profile and each.capture_period:
                return timedelta(seconds=each.capture_period)
        return None

    async def _kept(self, kept: dict[str, tuple[datetime, T]], office: str, ask: Callable[[str], Awaitable[T]]) -> T:
        found = kept.get(office)
        if found is None or self.now() - found[0] > _FRESH_FOR:
            found = kept[office] = (self.now(), await ask(office))
        return found[1]


class _Example(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"({key.replace('_', ' ')})"


def _filled(template: str) -> str:
    return template.format_map(_Example(_EXAMPLE))
