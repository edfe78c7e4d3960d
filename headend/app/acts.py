"""What officers and other systems ask for: by the same parts as the command line, bounded by office, audited."""

from contextlib import AbstractContextManager
from datetime import date
from typing import Any
from uuid import uuid4

from attrs import define

from headend.app.delivering import ask_number_change, confirm_number_change
from headend.app.recharging import book_recharge
from headend.app.wiring import Headend
from headend.commands.journal import RefusedByRule
from headend.commands.model import Command, NewCommand, Origin, Target
from headend.commands.officers import Deed, within
from headend.meters.inventory import Meter
from headend.prepaid.model import Account, EntryKind, Mode
from headend.prepaid.money import format_rupees
from headend.scheduler.judge import judge_by_hand
from headend.scheduler.ports import ReadResult
from headend.storage.accounts import RechargeResult
from headend.storage.audit import acting
from headend.storage.books import Booked
from headend.storage.corrections import Correction
from headend.storage.errors import UnknownCommand, UnknownConsumer, UnknownCorrection, UnknownMeter, UnknownWork
from headend.storage.instalments import Plan
from headend.storage.numbers import masked
from headend.storage.proposals import Approval, ProposalList
from headend.web.ports.acts import Actor


@define(eq=False)
class OfficeActs:
    """Implements `Acts` of the web faces."""

    headend: Headend

    async def reconnect(self, actor: Actor, serial: str, reason: str, cause: str | None = None) -> Command:
        """Restore supply."""
        return await self._operate(actor, serial, Target.CONNECTED, reason, cause, emergency=False)

    async def disconnect(
        self, actor: Actor, serial: str, reason: str, cause: str | None = None, *, emergency: bool = False
    ) -> Command:
        """Cut supply; every rule of the relay holds."""
        return await self._operate(actor, serial, Target.DISCONNECTED, reason, cause, emergency=emergency)

    async def read_now(self, actor: Actor, serial: str) -> int:
        """Ask for a reading."""
        meter = await self._meter(actor, serial)
        with self._deed(actor, "read meter", serial, meter.office):
            return await self.headend.store.fleet.ask_read(serial)

    async def read_answer(self, actor: Actor, serial: str, request: int) -> ReadResult | None:
        """The answer of a reading of this meter."""
        await self._meter(actor, serial)
        if await self.headend.store.fleet.read_meter(request) != serial:
            raise UnknownMeter(serial)
        return await self.headend.store.fleet.read_result(request)

    async def cancel(self, actor: Actor, command: int, reason: str) -> Command:
        """Cancel what is not sent."""
        office = await self._office_of("commands", command, actor, UnknownCommand(command))
        with self._deed(actor, "cancel command", str(command), office, reason=reason):
            return await self.headend.store.journal.cancel(command, self.headend.clock.now(), actor.name, reason)

    async def release(self, actor: Actor, command: int) -> Command:
        """Let a quarantined command go on."""
        office = await self._office_of("commands", command, actor, UnknownCommand(command))
        with self._deed(actor, "release command", str(command), office):
            return await self.headend.store.journal.release(command, self.headend.clock.now(), actor.name)

    async def proposals(self, actor: Actor, office: str) -> ProposalList:
        """The cuts that wait in an office, which must be the actor's or below it."""
        return await self.headend.store.proposals.show(self._within(actor, office), actor.name)

    async def approve(self, actor: Actor, digest: str, strike: frozenset[str]) -> Approval:
        """Release a list as it was shown."""
        store = self.headend.store
        office = self._inside(actor, await store.proposals.office_of(digest))
        alone = self.headend.setup.settings.document.policy.approve_alone
        with self._deed(actor, "approve cuts", digest, office, struck=sorted(strike)):
            return await store.proposals.approve(digest, strike, actor.name, alone)

    async def first_approval(self, actor: Actor, digest: str) -> tuple[str, frozenset[str]] | None:
        """Who approved a list first, while it waits for a second person."""
        self._inside(actor, await self.headend.store.proposals.office_of(digest))
        return await self.headend.store.proposals.first_approval(digest)

    async def set_kill_switch(self, actor: Actor, *, on: bool) -> None:
        """Stop every disconnect of the house (anybody may), or allow them again (the house alone)."""
        if not on:
            self._whole_house(actor, "the kill switch is taken off")
        with self._deed(actor, "kill switch on" if on else "kill switch off", "house", ""):
            await self.headend.store.switches.set_kill_switch(on=on, by=actor.name)

    async def set_armed(self, actor: Actor, *, on: bool) -> None:
        """Let the policy cut, or not."""
        if on:
            self._whole_house(actor, "the house is armed")
        with self._deed(actor, "arm" if on else "disarm", "house", ""):
            await self.headend.store.switches.set_armed(on=on, by=actor.name)

    async def set_mode(self, actor: Actor, office: str, mode: Mode) -> bool:
        """Set a mode; `automatic` waits for a second person where the configuration says so."""
        office, switches = self._within(actor, office), self.headend.store.switches
        if mode is Mode.AUTOMATIC and self.headend.setup.settings.document.policy.second_person:
            with self._deed(actor, "propose mode", office or "house", office, mode=mode):
                await switches.propose_mode(office, mode, by=actor.name)
            return False
        with self._deed(actor, "set mode", office or "house", office, mode=mode):
            await switches.set_mode(office, mode, by=actor.name)
        return True

    async def confirm_mode(self, actor: Actor, number: int) -> None:
        """Confirm a mode that another person asked for."""
        for each in await self.headend.store.switches.proposed_modes():
            if each.id == number:
                self._inside(actor, each.office)
        with self._deed(actor, "confirm mode", str(number), actor.office):
            await self.headend.store.switches.confirm_mode(number, by=actor.name)

    async def recharge(self, actor: Actor, consumer_no: str, amount: int, payment_id: str) -> RechargeResult:
        """Book a payment once; supply comes back with it."""
        account = await self._account(actor, consumer_no)
        shown = format_rupees(amount)
        with self._deed(actor, "recharge", consumer_no, account.office, amount=shown, payment_id=payment_id):
            return await book_recharge(self.headend, consumer_no, amount, payment_id, f"{actor.via}: {actor.name}")

    async def book(
        self, actor: Actor, consumer_no: str, kind: EntryKind, amount: int, reference: str, reason: str
    ) -> Booked:
        """Book a deposit, a rebate or arrears."""
        account = await self._account(actor, consumer_no)
        judge = judge_by_hand(self.headend.setup.rules())
        detail = {"amount": format_rupees(amount), "reference": reference, "reason": reason}
        with self._deed(actor, f"book {kind}", consumer_no, account.office, **detail):
            return await self.headend.store.books.book(consumer_no, kind, amount, reference, reason, actor.name, judge)

    async def propose_correction(self, actor: Actor, consumer_no: str, amount: int, reason: str) -> Correction:
        """Ask for a correction."""
        account = await self._account(actor, consumer_no)
        shown = format_rupees(amount)
        with self._deed(actor, "propose correction", consumer_no, account.office, amount=shown, reason=reason):
            return await self.headend.store.books.propose_correction(consumer_no, amount, reason, actor.name)

    async def decide_correction(self, actor: Actor, number: int, *, approve: bool) -> None:
        """Approve or reject a correction."""
        office = await self._office_of("corrections", number, actor, UnknownCorrection(number))
        books = self.headend.store.books
        with self._deed(actor, "approve correction" if approve else "reject correction", str(number), office):
            if not approve:
                await books.reject(number, actor.name)
                return
            second = self.headend.setup.settings.document.policy.second_person
            judge = judge_by_hand(self.headend.setup.rules())
            await books.approve(number, actor.name, judge, second_person=second)

    async def plan(self, actor: Actor, consumer_no: str, total: int, parts: tuple[int, date], reason: str) -> Plan:
        """Let arrears be paid in monthly parts."""
        account = await self._account(actor, consumer_no)
        judge = judge_by_hand(self.headend.setup.rules())
        detail = {"total": format_rupees(total), "parts": parts[0], "first": str(parts[1]), "reason": reason}
        with self._deed(actor, "plan instalments", consumer_no, account.office, **detail):
            made, _ = await self.headend.store.books.plan(consumer_no, total, parts, reason, actor.name, judge)
        return made

    async def ask_number(self, actor: Actor, consumer_no: str, mobile: str) -> str:
        """Send a code to a consumer's new number."""
        account = await self._account(actor, consumer_no)
        with self._deed(actor, "ask for change of number", consumer_no, account.office, to=masked(mobile)):
            return await ask_number_change(self.headend, consumer_no, mobile, actor.name)

    async def confirm_number(self, actor: Actor, consumer_no: str, code: str) -> str:
        """Change the number when the code is right."""
        account = await self._account(actor, consumer_no)
        with self._deed(actor, "change number", consumer_no, account.office):
            return await confirm_number_change(self.headend, consumer_no, code, actor.name)

    async def close_work(self, actor: Actor, number: int, note: str) -> None:
        """Close an item with what was done."""
        office = await self._office_of("work", number, actor, UnknownWork(number))
        with self._deed(actor, "close work", str(number), office, note=note):
            await self.headend.store.work.close(number, actor.name, note)

    async def close_complaint(self, actor: Actor, number: int, answer: str) -> None:
        """Close a complaint with an answer."""
        office = await self._office_of("complaints", number, actor, UnknownWork(number))
        with self._deed(actor, "close complaint", str(number), office, answer=answer):
            await self.headend.store.portal.complaints.close(number, actor.name, answer)

    async def _operate(
        self, actor: Actor, serial: str, target: Target, reason: str, cause: str | None, *, emergency: bool
    ) -> Command:
        meter = await self._meter(actor, serial)
        at = self.headend.clock.now()
        command = NewCommand(
            meter=serial,
            target=target,
            cause=cause or f"{actor.via}:{uuid4()}",
            origin=Origin.EXTERNAL if actor.via == "api" else Origin.OPERATOR,
            reason=reason,
            requested_by=actor.name,
            requested_at=at,
            expires_at=at + self.headend.setup.policy.command_expiry,
            emergency=emergency,
        )
        action = "reconnect" if target is Target.CONNECTED else "disconnect"
        with self._deed(actor, action, serial, meter.office, reason=reason, emergency=emergency):
            return await self.headend.store.journal.request(command)

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
        found = await self.headend.store.fleet.meter(serial)
        if found is None or not within(found.office, actor.office):
            raise UnknownMeter(serial)
        return found

    async def _account(self, actor: Actor, consumer_no: str) -> Account:
        found = await self.headend.store.accounts.account(consumer_no)
        if not within(found.office, actor.office):
            raise UnknownConsumer(consumer_no)
        return found

    async def _office_of(self, name: str, key: int, actor: Actor, unknown: Exception) -> str:
        row = await self.headend.store.listings.one(name, key, office=actor.office)
        if row is None:
            raise unknown
        return str(row["office"])

    def _within(self, actor: Actor, office: str) -> str:
        """The office, the actor's own where none is named; raises RefusedByRule for one outside."""
        return self._inside(actor, office.strip("/") or actor.office)

    def _inside(self, actor: Actor, office: str) -> str:
        """The office; raises RefusedByRule where it is not the actor's own or below: the house is above them all."""
        if not within(office, actor.office):
            raise RefusedByRule(f"{office or 'the house'} is not within {actor.office}")
        return office

    def _whole_house(self, actor: Actor, what: str) -> None:
        if actor.office:
            raise RefusedByRule(f"{what} for the whole house; that is for somebody who is responsible for all of it")
