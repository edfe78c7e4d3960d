"""Money moved by people: entries by hand, corrections with a second person, instalment plans; and the proof of all."""

from datetime import date, datetime
from typing import Final

from attrs import define, frozen

from headend.commands.model import Command
from headend.prepaid.caps import Caps
from headend.prepaid.model import BalanceSource, EntryKind, NewEntry
from headend.scheduler.ports import Judge
from headend.session.ports import Now
from headend.storage import corrections, instalments, proof
from headend.storage.corrections import Correction
from headend.storage.errors import PaymentInvalid
from headend.storage.events import emit
from headend.storage.instalments import Plan
from headend.storage.judgements import apply
from headend.storage.ledger import Booking, Entry, book
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.views import stored_account, view
from headend.storage.writer import Writer

#: What a person may book alone, and its sign in the ledger: a deposit and a rebate are credit, arrears are owed.
BY_HAND: Final = {EntryKind.DEPOSIT: 1, EntryKind.REBATE: 1, EntryKind.ARREARS: -1}


@frozen
class Booked:
    """What became of an entry by hand: the row, whether it was there before, and the command that followed."""

    entry: Entry
    repeated: bool
    command: Command | None


@frozen
class PastBalance:
    """The balance in paise as it stood at `at`; None where the meter keeps the account and had shown none by then."""

    at: datetime
    source: BalanceSource
    balance: int | None


@define(eq=False)
class Books:
    """The ledger as people work on it. `judge` lets supply return with the money; it never leads to a cut."""

    _writer: Writer
    _readers: Readers
    _now: Now
    caps: Caps

    async def check(self) -> proof.LedgerReport:
        """Prove every sum, from the single entries."""
        return await self._readers.run(proof.prove)

    async def balance_at(self, consumer_no: str, moment: datetime) -> PastBalance:
        """The balance as the house knew it at a moment."""
        return await self._readers.run(lambda connection: _balance_at(connection, consumer_no, moment))

    async def book(
        self, consumer_no: str, kind: EntryKind, amount: int, reference: str, reason: str, by: str, judge: Judge | None
    ) -> Booked:
        """Book a deposit, a rebate or arrears of `amount` paise (more than nothing) once by its reference.

        Raises PaymentInvalid for another kind or amount, EntryConflict for a reference with another amount.
        """
        if kind not in BY_HAND:
            raise PaymentInvalid(f"{kind} is not booked by hand; propose a correction, or use `headend recharge`")
        if amount <= 0 or not reference or not reason:
            raise PaymentInvalid("an entry by hand has an amount above zero, a reference and a reason")
        entry = NewEntry(consumer_no, kind, amount * BY_HAND[kind], reference, self._now(), f"{reason} (by {by})")
        return await self._writer.run(lambda connection: self._book(connection, entry, reason, by, judge))

    async def propose_correction(self, consumer_no: str, amount: int, reason: str, by: str) -> Correction:
        """Ask for a correction of `amount` paise, which a second person approves."""
        if not amount or not reason:
            raise PaymentInvalid("a correction has an amount and a reason")
        return await self._writer.run(
            lambda connection: corrections.propose(connection, consumer_no, amount, reason, by, self._now())
        )

    async def propose_reversal(self, consumer_no: str, entry: int, reason: str, by: str) -> Correction:
        """Ask for the reversal of a ledger entry, which a second person approves; raises EntryConflict."""
        if not reason:
            raise PaymentInvalid("a reversal has a reason")
        return await self._writer.run(
            lambda connection: corrections.propose_reversal(connection, consumer_no, entry, reason, by, self._now())
        )

    async def approve(
        self, number: int, by: str, judge: Judge | None, *, second_person: bool = True
    ) -> tuple[Correction, Booked]:
        """Book a correction that another person asked for; raises RefusedByRule, UnknownCorrection."""

        def unit(connection: Connection) -> tuple[Correction, Booked]:
            correction, booking = corrections.approve(connection, number, by, self._now(), second_person=second_person)
            return correction, self._judged(connection, booking, judge)

        return await self._writer.run(unit)

    async def reject(self, number: int, by: str) -> Correction:
        """Turn a correction down; raises RefusedByRule, UnknownCorrection."""
        return await self._writer.run(lambda connection: corrections.reject(connection, number, by, self._now()))

    async def corrections(self, *, undecided: bool = True, limit: int = 100) -> list[Correction]:
        """Corrections, newest first."""
        return await self._readers.run(
            lambda connection: corrections.corrections(connection, undecided=undecided, limit=limit)
        )

    async def plan(
        self, consumer_no: str, total: int, parts: tuple[int, date], reason: str, by: str, judge: Judge | None
    ) -> tuple[Plan, Command | None]:
        """Let `total` paise of arrears be paid in parts (how many, first due on); raises PlanRefused."""

        def unit(connection: Connection) -> tuple[Plan, Command | None]:
            made = instalments.make_plan(connection, consumer_no, total, parts, (reason, by), self._now())
            return made, self._judge(connection, consumer_no, judge)

        return await self._writer.run(unit)

    async def plans(self, consumer_no: str) -> list[Plan]:
        """The instalment plans of a consumer, newest first."""
        return await self._readers.run(lambda connection: instalments.plans_of(connection, consumer_no))

    def _book(self, connection: Connection, entry: NewEntry, reason: str, by: str, judge: Judge | None) -> Booked:
        booking = book(connection, entry, self._now())
        if not booking.repeated:
            payload = {"kind": entry.kind, "amount": entry.amount, "reference": entry.reference, "reason": reason}
            emit(
                connection,
                entry.at,
                "ledger.booked",
                consumer_no=entry.consumer_no,
                payload={**payload, "by": by, "balance": booking.entry.balance},
            )
        return self._judged(connection, booking, judge)

    def _judged(self, connection: Connection, booking: Booking, judge: Judge | None) -> Booked:
        entry, repeated = booking.entry, booking.repeated
        command = None if repeated else self._judge(connection, entry.consumer_no, judge)
        return Booked(entry, repeated, command)

    def _judge(self, connection: Connection, consumer_no: str, judge: Judge | None) -> Command | None:
        if judge is None:
            return None
        now, stored = self._now(), stored_account(connection, consumer_no)
        return apply(connection, self.caps, stored, judge(view(connection, stored, now)), now)


def _balance_at(connection: Connection, consumer_no: str, moment: datetime) -> PastBalance:
    stored = stored_account(connection, consumer_no)
    if stored.account.balance_source is BalanceSource.METER:
        shown = proof.meter_balance_at(connection, stored.meter_id, moment)
        return PastBalance(moment, BalanceSource.METER, shown)
    return PastBalance(moment, BalanceSource.LEDGER, proof.balance_at(connection, stored.id, moment))
