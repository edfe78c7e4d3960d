"""Accounts as the command line, the console and payment systems see them: recharge, ledger, notices, decisions."""

import re
from datetime import datetime
from typing import Final

import msgspec
from attrs import define, frozen

from headend.commands.model import Command
from headend.notify.model import Notice, NoticeKind
from headend.prepaid.caps import Caps
from headend.prepaid.model import Account, AccountView, EntryKind, NewEntry
from headend.prepaid.policy import Policy
from headend.prepaid.replay import Comparison
from headend.scheduler.ports import Judge
from headend.session.ports import Now
from headend.storage.errors import PaymentInvalid
from headend.storage.events import emit
from headend.storage.instalments import book_due
from headend.storage.judgements import apply
from headend.storage.ledger import Booking, Entry, balance_of, book, entries_of
from headend.storage.readers import Readers
from headend.storage.replaying import compare_since
from headend.storage.sqlite import Connection
from headend.storage.stories import Story, story_of
from headend.storage.times import from_micros, to_micros
from headend.storage.topups import request_topup
from headend.storage.views import all_accounts, stored_account, view
from headend.storage.writer import Writer

#: One recharge in paise: ten lakh rupees; more is a slip of the keyboard.
_LARGEST_RECHARGE: Final = 10_00_000_00
_PAYMENT_ID: Final = re.compile(r"[!-~]{1,64}")


@frozen
class Recharge:
    """A payment as it came: `amount` in paise, `source` the cash desk, gateway or person that reports it."""

    consumer_no: str
    amount: int
    payment_id: str
    at: datetime
    source: str


@frozen
class RechargeResult:
    """What became of a recharge: its entry, whether that was there before, the balance now, the command it caused."""

    entry: Entry
    repeated: bool
    balance: int
    command: Command | None


@frozen
class WrittenNotice:
    """A notice with its number and, when a channel has confirmed it, the time of delivery."""

    id: int
    notice: Notice
    delivered_at: datetime | None


@frozen
class StoredDecision:
    """A decision as it was made; `facts` JSON text, `times` how often it came again until `last_at`."""

    id: int
    consumer_no: str
    at: datetime
    verdict: str
    reason: str
    facts: str
    would: str | None
    command: int | None
    last_at: datetime
    times: int


@define(eq=False)
class Accounts:
    """Consumers' accounts. Every method raises UnknownConsumer for a number that has none."""

    _writer: Writer
    _readers: Readers
    _now: Now
    caps: Caps

    async def account(self, consumer_no: str) -> Account:
        """One account."""
        return await self._readers.run(lambda connection: stored_account(connection, consumer_no).account)

    async def accounts(self, after: str = "", limit: int = 1000) -> list[Account]:
        """Accounts by consumer number, from the one after `after`."""
        return await self._readers.run(lambda connection: all_accounts(connection, after, limit))

    async def view(self, consumer_no: str, now: datetime) -> AccountView:
        """The account with every fact a decision would rest on at `now`."""
        return await self._readers.run(
            lambda connection: view(connection, stored_account(connection, consumer_no), now)
        )

    async def balance(self, consumer_no: str) -> int:
        """The balance of the ledger in paise."""
        return await self._readers.run(
            lambda connection: balance_of(connection, stored_account(connection, consumer_no).id)
        )

    async def ledger(self, consumer_no: str, limit: int = 100) -> list[Entry]:
        """The newest entries, newest first."""
        return await self._readers.run(lambda connection: entries_of(connection, consumer_no, limit))

    async def last_recharge(self, consumer_no: str) -> tuple[int, datetime] | None:
        """The newest recharge in paise, and when it was paid; None before the first."""
        return await self._readers.run(lambda connection: _last_recharge(connection, consumer_no))

    async def notices(self, consumer_no: str, limit: int = 100) -> list[WrittenNotice]:
        """The newest notices, newest first."""
        return await self._readers.run(lambda connection: _notices(connection, consumer_no, limit))

    async def notice_delivered(self, notice_id: int, at: datetime) -> bool:
        """A channel has confirmed a notice; the first confirmation stands. False where there is no such notice."""
        return await self._writer.run(lambda connection: _delivered(connection, "id = ?", (notice_id,), at))

    async def notice_key_delivered(self, consumer_no: str, key: str, at: datetime) -> None:
        """The same by the notice's key, which its event carries."""
        where = "account = (SELECT id FROM accounts WHERE consumer_no = ?) AND key = ?"
        await self._writer.run(lambda connection: _delivered(connection, where, (consumer_no, key), at))

    async def decisions(self, consumer_no: str, limit: int = 100) -> list[StoredDecision]:
        """The newest decisions, newest first."""
        return await self._readers.run(lambda connection: _decisions(connection, consumer_no, limit))

    async def story(self, consumer_no: str, now: datetime, limit: int = 60) -> Story:
        """What happened to an account, newest `limit` steps, oldest first."""
        return await self._readers.run(lambda connection: story_of(connection, consumer_no, now, limit))

    async def replay(self, policy: Policy, since: datetime, *, automatic: bool = False) -> Comparison:
        """What another policy would have decided on the facts of every decision since a moment."""
        return await self._readers.run(lambda connection: compare_since(connection, since, policy, automatic=automatic))

    async def book(self, entry: NewEntry) -> Booking:
        """Book an entry other than a recharge; raises EntryConflict. A repeat is told and not booked again."""
        if entry.kind is EntryKind.RECHARGE:
            raise PaymentInvalid("a recharge is booked by `recharge`, which also restores the supply")
        return await self._writer.run(lambda connection: book(connection, entry, self._now()))

    async def is_booked(self, payment_id: str) -> bool:
        """Whether a payment of that id is in the ledger, whoever paid it."""
        sql = "SELECT 1 FROM ledger WHERE kind = 'recharge' AND reference = ?"
        return await self._readers.run(lambda connection: connection.execute(sql, (payment_id,)).fetchone() is not None)

    async def recharge(
        self, consumer_no: str, amount: int, payment_id: str, at: datetime, source: str, judge: Judge | None
    ) -> RechargeResult:
        """Book a payment once and let `judge` decide, in one transaction: supply comes back with the money.

        `amount` in paise. A repeated payment id is told, not booked twice; raises PaymentConflict when it came with
        another amount or consumer, PaymentInvalid for an amount or id that makes no sense.
        """
        payment = Recharge(consumer_no, amount, payment_id, at, source)
        refuse_nonsense(payment)
        return await self._writer.run(lambda connection: _recharge(connection, self.caps, payment, judge, self._now()))


def refuse_nonsense(payment: Recharge) -> None:
    """Raise PaymentInvalid for a payment that can't be meant."""
    if payment.amount <= 0:
        raise PaymentInvalid(f"a recharge is more than nothing, not {payment.amount} paise")
    if payment.amount > _LARGEST_RECHARGE:
        raise PaymentInvalid(f"a recharge is at most {_LARGEST_RECHARGE // 100} rupees; check the amount")
    if not _PAYMENT_ID.fullmatch(payment.payment_id):
        raise PaymentInvalid("a payment id has 1 to 64 visible ASCII characters")


def _recharge(
    connection: Connection, caps: Caps, payment: Recharge, judge: Judge | None, now: datetime
) -> RechargeResult:
    entry = NewEntry(
        payment.consumer_no, EntryKind.RECHARGE, payment.amount, payment.payment_id, payment.at, payment.source
    )
    stored = stored_account(connection, payment.consumer_no)
    # The day of value is the entry's alone: what follows from the money happens when it is booked.
    book_due(connection, stored, now)
    booking = book(connection, entry, now)
    command = None
    if not booking.repeated:
        _announce(connection, stored.account, booking.entry, payment, now)
        request_topup(connection, stored, booking.entry, now)
        command = _judge(connection, caps, payment, judge, now)
    return RechargeResult(booking.entry, booking.repeated, balance_of(connection, stored.id), command)


def _judge(connection: Connection, caps: Caps, payment: Recharge, judge: Judge | None, now: datetime) -> Command | None:
    if judge is None:
        return None
    stored = stored_account(connection, payment.consumer_no)
    judgement = judge(view(connection, stored, now))
    return apply(connection, caps, stored, judgement, now)


def _last_recharge(connection: Connection, consumer_no: str) -> tuple[int, datetime] | None:
    row = connection.execute(
        "SELECT amount, at FROM ledger WHERE account = ? AND kind = 'recharge' ORDER BY id DESC LIMIT 1",
        (stored_account(connection, consumer_no).id,),
    ).fetchone()
    return None if row is None else (row[0], from_micros(row[1]))


def _announce(connection: Connection, account: Account, entry: Entry, payment: Recharge, now: datetime) -> None:
    emit(
        connection,
        now,
        "account.recharged",
        meter=account.meter,
        consumer_no=account.consumer_no,
        payload={
            "amount": entry.amount,
            "payment_id": payment.payment_id,
            "source": payment.source,
            "balance": entry.balance,
        },
    )


def _notices(connection: Connection, consumer_no: str, limit: int) -> list[WrittenNotice]:
    account = stored_account(connection, consumer_no).id
    rows = connection.execute(
        "SELECT id, kind, key, at, texts, delivered_at FROM notices WHERE account = ? ORDER BY id DESC LIMIT ?",
        (account, limit),
    )
    return [
        WrittenNotice(
            number,
            Notice(
                consumer_no, NoticeKind(kind), key, from_micros(at), msgspec.json.decode(texts, type=dict[str, str])
            ),
            from_micros(delivered),
        )
        for number, kind, key, at, texts, delivered in rows
    ]


def _delivered(connection: Connection, where: str, parameters: tuple[int | str, ...], at: datetime) -> bool:
    updated = connection.execute(
        f"UPDATE notices SET delivered_at = coalesce(delivered_at, max(?, at)) WHERE {where}",  # noqa: S608  constants above
        (to_micros(at), *parameters),
    )
    return updated.rowcount > 0


def _decisions(connection: Connection, consumer_no: str, limit: int) -> list[StoredDecision]:
    account = stored_account(connection, consumer_no).id
    rows = connection.execute(
        "SELECT id, at, verdict, reason, facts, would, command, last_at, times FROM decisions"
        " WHERE account = ? ORDER BY id DESC LIMIT ?",
        (account, limit),
    )
    return [
        StoredDecision(
            number, consumer_no, from_micros(at), verdict, reason, facts, would, command, from_micros(last_at), times
        )
        for number, at, verdict, reason, facts, would, command, last_at, times in rows
    ]
