"""What officers keep by hand: by the store's own parts, bounded by office, each act audited in its transaction."""

from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any, Final

from attrs import define

from headend.app.tracing import Trace, shown
from headend.app.wiring import Headend
from headend.commands.journal import RefusedByRule
from headend.commands.officers import Deed, Role, within
from headend.meters.inventory import Meter
from headend.prepaid.calendar import Closures, Hours
from headend.storage.audit import acting
from headend.storage.closures import Closure, written
from headend.storage.errors import UnknownConsumer, UnknownMeter, UnknownWork
from headend.storage.protections import Protection, UnknownProtection
from headend.storage.traces import StoredTrace
from headend.storage.workcare import BY_HAND, WorkStep
from headend.storage.workitems import WorkKind
from headend.web.ports.acts import Actor

#: Meters that one click asks for again.
_MOST_REQUEUED: Final = 5_000


class UnknownTrace(UnknownMeter):
    """No recorded visit of that number, or none any more."""

    def __init__(self, serial: str, number: int) -> None:
        super().__init__(serial)
        self.args = (f"meter {serial}: there is no recorded visit {number}; they are kept for a week",)


@define(eq=False)
class ConsoleActs:
    """Implements `Care` of the web faces."""

    headend: Headend

    # The calendar

    async def closures(self, office: str) -> list[Closure]:
        """What officers added, as far as it touches an office."""
        found = await self.headend.store.console.closures.closures()
        return [each for each in found if within(each.office, office) or within(office, each.office)]

    async def closures_of_house(self) -> Closures:
        """What holds for the whole house."""
        return await self.headend.store.console.closures.of_house()

    async def add_closure(self, actor: Actor, office: str, what: date | Hours, reason: str) -> None:
        """Forbid cuts on a day, or in hours of the week."""
        office = _inside(actor, office.strip("/") or actor.office)
        with self._deed(actor, "close calendar", office or "house", office, what=written(what), reason=reason):
            await self.headend.store.console.closures.add(office, what, reason, actor.name)

    async def lift_closure(self, actor: Actor, number: int) -> bool:
        """Lift a closure, or ask for it."""
        book = self.headend.store.console.closures
        found = await book.closure(number)
        office, first = _inside(actor, found.office), self._needs_second and found.lift_asked_by is None
        action = "ask to open calendar" if first else "open calendar"
        with self._deed(actor, action, office or "house", office, what=written(found.what), closure=number):
            done = await book.lift(number, actor.name, second_person=self._needs_second)
        return done.lifted_by is not None

    async def keep_closure(self, actor: Actor, number: int) -> None:
        """It stays."""
        book = self.headend.store.console.closures
        found = await book.closure(number)
        office = _inside(actor, found.office)
        with self._deed(actor, "keep calendar closed", office or "house", office, closure=number):
            await book.keep(number, actor.name)

    # Protections

    async def protection(self, actor: Actor, consumer_no: str) -> Protection | None:
        """What an officer gave a consumer."""
        await self._office_of_account(actor, consumer_no)
        return await self.headend.store.console.protections.protection(consumer_no)

    async def protect(self, actor: Actor, consumer_no: str, reason: str) -> None:
        """Protect a consumer."""
        office = await self._office_of_account(actor, consumer_no)
        with self._deed(actor, "protect consumer", consumer_no, office, reason=reason):
            await self.headend.store.console.protections.protect(consumer_no, reason, actor.name)

    async def lift_protection(self, actor: Actor, number: int) -> bool:
        """Lift a protection, or ask for it."""
        protections = self.headend.store.console.protections
        found = await self._protection(actor, number)
        first = self._needs_second and found.lift_asked_by is None
        action = "ask to lift protection" if first else "lift protection"
        with self._deed(actor, action, found.consumer_no, found.office, reason=found.reason):
            done = await protections.lift(number, actor.name, second_person=self._needs_second)
        return done.lifted_by is not None

    async def keep_protection(self, actor: Actor, number: int) -> None:
        """It stays."""
        found = await self._protection(actor, number)
        with self._deed(actor, "keep protection", found.consumer_no, found.office):
            await self.headend.store.console.protections.keep(number)

    # Work

    async def work_item(self, actor: Actor, number: int) -> tuple[dict[str, Any], list[WorkStep], list[str]]:
        """An item, its history, and the officers who may take it."""
        row = await self._work(actor, number)
        steps = await self.headend.store.console.care.steps(number)
        officers = await self.headend.store.officers.officers()
        able = [each for each in officers if not each.disabled and each.role.rank >= Role.OPERATOR.rank]
        return row, steps, [each.name for each in able if within(str(row["office"]), each.office)]

    async def take_work(self, actor: Actor, number: int) -> None:
        """Take an item."""
        row = await self._work(actor, number)
        with self._deed(actor, "take work", str(number), row["office"]):
            await self.headend.store.console.care.take(number, actor.name)

    async def hand_over_work(self, actor: Actor, number: int, owner: str, note: str) -> None:
        """Give an item to somebody who may do it, or back."""
        row, _, able = await self.work_item(actor, number)
        care = self.headend.store.console.care
        if not owner:
            with self._deed(actor, "give work back", str(number), row["office"], note=note):
                await care.give_back(number, actor.name, note)
            return
        if owner not in able:
            raise RefusedByRule(f"{owner} is no officer who may do work of {row['office'] or 'the house'}")
        with self._deed(actor, "hand over work", str(number), row["office"], to=owner, note=note):
            await care.hand_over(number, actor.name, owner, note)

    async def note_work(self, actor: Actor, number: int, note: str) -> None:
        """Write down what was found."""
        row = await self._work(actor, number)
        with self._deed(actor, "note on work", str(number), row["office"], note=note):
            await self.headend.store.console.care.note(number, actor.name, note)

    async def open_work(self, actor: Actor, serial: str, kind: str, note: str) -> int:
        """Make an item of a meter."""
        if kind not in BY_HAND:
            raise RefusedByRule(f"work of kind {kind!r} is not opened by hand; {', '.join(BY_HAND)} is")
        meter = await self._meter(actor, serial)
        with self._deed(actor, "open work", serial, meter.office, kind=kind, note=note):
            return await self.headend.store.console.care.open_by_hand(serial, WorkKind(kind), actor.name, note)

    async def requeue(self, actor: Actor, serials: list[str] | None) -> int:
        """Ask for visits to be tried again."""
        if serials is None:
            rows, _ = await self.headend.store.listings.page(
                "given_up", office=actor.office, filters={"waiting": "1"}, limit=_MOST_REQUEUED
            )
            serials = [str(row["meter"]) for row in rows]
        for serial in serials:
            await self._meter(actor, serial)
        if not serials:
            return 0
        subject = serials[0] if len(serials) == 1 else f"{len(serials)} meters"
        with self._deed(actor, "try again", subject, actor.office, meters=serials[:200]):
            return await self.headend.store.steering.requeue(serials)

    # The house

    async def schedules(self) -> list[dict[str, Any]]:
        """What is read how often, and whether it is suspended."""
        suspended = await self.headend.store.steering.suspensions()
        return [
            {
                "name": each.name,
                "every": "by the calendar" if each.every is None else _span(each.every),
                "jitter": _span(each.jitter),
                "tasks": ", ".join(each.tasks),
                "groups": ", ".join(each.groups) or "all",
                "suspended_at": suspended.get(each.name, (None, None))[0],
                "suspended_by": suspended.get(each.name, (None, None))[1],
            }
            for each in self.headend.setup.schedules
        ]

    async def suspend(self, actor: Actor, schedule: str, *, on: bool) -> None:
        """Suspend a schedule, or let it go on."""
        if actor.office:
            raise RefusedByRule(
                "schedules are those of the whole house; that is for somebody responsible for all of it"
            )
        if schedule not in {each.name for each in self.headend.setup.schedules}:
            raise RefusedByRule(f"there is no schedule {schedule!r}")
        steering = self.headend.store.steering
        with self._deed(actor, "suspend schedule" if on else "resume schedule", schedule, ""):
            if on:
                await steering.suspend(schedule, actor.name)
            else:
                await steering.resume(schedule, actor.name)

    async def keys(self, office: str) -> list[Any]:
        """How keys stand, by role."""
        return list(await self.headend.store.console.housekeeping.keys(office, self.headend.clock.now()))

    async def keys_of(self, office: str, serial: str) -> list[Any]:
        """The roles that a meter has keys for."""
        await self._within(office, serial)
        return list(await self.headend.store.console.housekeeping.keys_of(serial))

    async def clock_of(self, office: str, serial: str) -> Any:  # noqa: ANN401  a ClockState
        """How a meter's clock stands."""
        await self._within(office, serial)
        return await self.headend.store.console.housekeeping.clock(serial)

    # Recorded visits

    async def read_traced(self, actor: Actor, serial: str) -> int:
        """Ask for a reading whose visit is recorded."""
        meter = await self._meter(actor, serial)
        with self._deed(actor, "record visit", serial, meter.office):
            return await self.headend.store.console.traces.ask_read(serial, actor.name)

    async def traces(self, office: str, serial: str) -> list[StoredTrace]:
        """The recorded visits of a meter."""
        await self._within(office, serial)
        return await self.headend.store.console.traces.of_meter(serial)

    async def trace_of_request(self, request: int) -> int | None:
        """The recorded visit of a reading."""
        return await self.headend.store.console.traces.of_request(request)

    async def trace(self, actor: Actor, serial: str, number: int, *, decipher: bool) -> Trace:
        """A recorded visit as a tree; to open it with the meter's keys is a deed."""
        meter = await self._meter(actor, serial)
        stored = await self.headend.store.console.traces.trace(serial, number)
        if stored is None:
            raise UnknownTrace(serial, number)
        if decipher:
            with self._deed(actor, "decipher visit", serial, meter.office, trace=number):
                await self.headend.store.console.traces.purge()
        return await shown(self.headend, serial, stored, decipher=decipher)

    # Who may

    @property
    def _needs_second(self) -> bool:
        return self.headend.setup.settings.document.policy.second_person

    def _deed(
        self,
        actor: Actor,
        action: str,
        subject: str,
        office: str,
        **detail: Any,  # noqa: ANN401  JSON values
    ) -> AbstractContextManager[None]:
        return acting(Deed(self.headend.clock.now(), actor.name, actor.via, action, subject, office, detail))

    async def _meter(self, actor: Actor, serial: str) -> Meter:
        return await self._within(actor.office, serial)

    async def _within(self, office: str, serial: str) -> Meter:
        found = await self.headend.store.fleet.meter(serial)
        if found is None or not within(found.office, office):
            raise UnknownMeter(serial)
        return found

    async def _office_of_account(self, actor: Actor, consumer_no: str) -> str:
        found = await self.headend.store.accounts.account(consumer_no)
        if not within(found.office, actor.office):
            raise UnknownConsumer(consumer_no)
        return found.office

    async def _protection(self, actor: Actor, number: int) -> Protection:
        found = await self.headend.store.console.protections.numbered(number)
        if not within(found.office, actor.office):
            raise UnknownProtection(number)
        return found

    async def _work(self, actor: Actor, number: int) -> dict[str, Any]:
        row = await self.headend.store.listings.one("work", number, office=actor.office)
        if row is None:
            raise UnknownWork(number)
        return row


def _span(span: timedelta) -> str:
    """A span as a person says it: `15 min`, `6 h`, `2 s`."""
    seconds = span.total_seconds()
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"


def _inside(actor: Actor, office: str) -> str:
    if not within(office, actor.office):
        raise RefusedByRule(f"{office or 'the house'} is not within {actor.office}")
    return office
