"""Topping up a meter that keeps the account itself, exactly once, whatever answer is lost.

What the meter showed is written down durably before anything is sent. When an answer is lost, the meter is read, and
only what that proves counts; whatever proves nothing waits for a person.

Registers that can only be set (IS 15959): the time of the last recharge is set after the balance, as a marker that no
other top-up has. The marker, or a balance above the one before, proves that it was applied; an unchanged marker, with
less energy used since than the top-up could pay for, proves that it was not. A Credit (IC 112) has no marker: the
balance has to be where the top-up, or its absence, puts it, give or take what can have been used. A token gateway
(IC 115) tells the token it took last, and what became of it.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Final, Protocol

from attrs import frozen

from headend.commands.model import State
from headend.commands.ports import Checkpoint, Sleep
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.meters.reading import Reading
from headend.session.errors import AccessDenied, NotOffered, TopUpRefused
from headend.session.ports import Now
from headend.session.topup import LastToken, token_of

#: More than any tariff takes: ₹50 a kWh, and ₹50 of fixed charge a day, so that a spent top-up is not called absent.
_MOST_PAISE_PER_WH: Final = 5
_MOST_PAISE_PER_DAY: Final = 50_00
#: A SET whose answer was lost may still be at work in the meter.
LAG: Final = timedelta(seconds=2)
_LARGEST: Final = (1 << 31) - 1
#: Token status codes (Blue Book 4.6.5): 3 executed; 0 to 2 and 8 are stages on the way; 4 to 7 failures.
_EXECUTED: Final = 3
_BEING_LOOKED_AT: Final = frozenset({0, 1, 2, 8})


@frozen
class Shown:
    """What the meter showed at `at`: balance in paise, energy in Wh, and the time of the last recharge, if any.

    `token`: the token taken last, in hex, and its status code, at a meter that is topped up by tokens.
    """

    at: datetime
    balance: int
    energy_wh: int | None
    marker: datetime | None
    token: str | None = None
    token_code: int | None = None


@frozen
class TopUp:
    """A recharge on its way to a meter; `before` is what the meter showed when it was sent."""

    id: int
    meter: str
    consumer_no: str
    amount: int
    marker: datetime
    requested_at: datetime
    state: State
    changed_at: datetime
    attempts: int
    before: Shown | None
    note: str


class Proof(Enum):
    """What a reading proves about a top-up whose answer was lost."""

    APPLIED = "applied"
    ABSENT = "absent"
    REFUSED = "refused"
    PENDING = "pending"
    NEITHER = "neither"


class TopUps(Protocol):
    """The journal of top-ups; each method is one transaction, durable when it returns."""

    async def open_for(self, meter: str) -> list[TopUp]:
        """Top-ups of a meter that have not ended, in the order of the payments."""
        ...

    async def begin(self, number: int, before: Shown, now: datetime) -> TopUp | None:
        """REQUESTED -> SENDING with what the meter shows; None when it stands elsewhere by now."""
        ...

    async def settle(self, number: int, state: State, note: str, now: datetime) -> TopUp:
        """Move a top-up that is SENDING or UNKNOWN."""
        ...


class TopUpSession(Protocol):
    """What is needed of an open, identified session."""

    @property
    def meter(self) -> Meter:
        """The meter at the other end."""
        ...

    async def confirm_identity(self) -> None:
        """Read the logical device name once more; WrongMeter if it is not this meter's."""
        ...

    async def read_registers(self) -> tuple[Reading, ...]:
        """The registers of the meter's model."""
        ...

    async def read_token(self) -> LastToken | None:
        """The token that the meter's gateway took last; None where it is not topped up by tokens."""
        ...

    async def top_up(self, before: int, amount: int, marker: datetime) -> None:
        """Add to a balance that shows `before`; AccessDenied, NotOffered or TopUpRefused when nothing was changed."""
        ...

    async def mark_recharge(self, amount: int, marker: datetime) -> None:
        """Say at the meter which recharge was the last, where its way of topping up needs it."""
        ...

    async def write_balance(self, paise: int) -> None:
        """Set the balance; AccessDenied or NotOffered when nothing was changed."""
        ...

    async def write_recharge(self, paise: int, moment: datetime) -> None:
        """Set amount and time of the last recharge, the time last."""
        ...


def proof(topup: TopUp, before: Shown, now: Shown) -> Proof:
    """What the meter shows now says of a top-up that was sent when it showed `before`."""
    if now.token is not None:
        return _by_token(topup, before, now)
    if now.marker is None and before.marker is None:
        return _by_balance(topup, before, now)
    if now.marker == topup.marker:
        return Proof.APPLIED
    if now.marker != before.marker:
        return Proof.NEITHER
    if now.balance > before.balance:
        return Proof.APPLIED
    most = _most_used(before, now)
    return Proof.ABSENT if most is not None and most < topup.amount else Proof.NEITHER


def _by_token(topup: TopUp, before: Shown, now: Shown) -> Proof:
    """A gateway keeps the last token: another one than before, and not ours, says nothing of ours."""
    if now.token != token_of(topup.amount, topup.marker).hex():
        return Proof.ABSENT if now.token == before.token else Proof.NEITHER
    if now.token_code == _EXECUTED:
        return Proof.APPLIED
    return Proof.PENDING if now.token_code in _BEING_LOOKED_AT else Proof.REFUSED


def _by_balance(topup: TopUp, before: Shown, now: Shown) -> Proof:
    """The balance alone: it must fit one of the two, and not the other, or nothing is proven."""
    most = _most_used(before, now)
    if most is None:
        return Proof.NEITHER
    applied = before.balance + topup.amount - most <= now.balance <= before.balance + topup.amount
    absent = before.balance - most <= now.balance <= before.balance
    if applied is absent:
        return Proof.NEITHER
    return Proof.APPLIED if applied else Proof.ABSENT


def _most_used(before: Shown, now: Shown) -> int | None:
    """What can have been used since `before`, in paise; None where energy or time do not tell."""
    if now.energy_wh is None or before.energy_wh is None or now.energy_wh < before.energy_wh or now.at < before.at:
        return None
    days = (now.at - before.at) // timedelta(days=1) + 1
    fixed = 0 if now.at - before.at < timedelta(hours=1) else days * _MOST_PAISE_PER_DAY
    return (now.energy_wh - before.energy_wh + 1) * _MOST_PAISE_PER_WH + fixed


def shown(readings: tuple[Reading, ...], at: datetime, token: LastToken | None = None) -> Shown | None:
    """What a meter shows, from its registers; None where it shows no balance."""
    named = {reading.name: reading for reading in readings}
    balance, energy, recharged = (named.get(name) for name in ("balance", "energy_import", "last_recharge_time"))
    if balance is None or not isinstance(balance.value, Decimal):
        return None
    wh = None
    if energy is not None and isinstance(energy.value, Decimal):
        wh = int(energy.value * (1000 if energy.unit == "kWh" else 1))
    marker = None if recharged is None else recharged.meter_time
    last, code = (None, None) if token is None else (token.token, token.code)
    return Shown(at, int(balance.value * 100), wh, marker, last, code)


async def _asyncio_sleep(seconds: float) -> None:
    import asyncio  # noqa: PLC0415  only where nothing else was handed in

    await asyncio.sleep(seconds)


def _no_checkpoint(_: str) -> None:
    pass


@frozen
class TopUpExecutor:
    """Carries open top-ups out over an open session, one after another.

    `checkpoint` is told the points at which a crash test wants to die: topup-before-sending, topup-sent,
    topup-before-commit.
    """

    journal: TopUps
    now: Now
    sleep: Sleep = _asyncio_sleep
    checkpoint: Checkpoint = _no_checkpoint

    async def run_open(self, session: TopUpSession) -> list[TopUp]:
        """Every open top-up of the session's meter, in order, up to the first that does not end; as they stand then."""
        done: list[TopUp] = []
        for topup in await self.journal.open_for(session.meter.serial):
            if topup.state is State.QUARANTINED:
                break
            done.append(await self.run(session, topup))
            if done[-1].state not in (State.CONFIRMED, State.REJECTED):
                break
        return done

    async def run(self, session: TopUpSession, topup: TopUp) -> TopUp:
        """One top-up as far as it goes now; HeadendError when the meter can't be read before anything is sent."""
        if topup.state is State.SENDING:
            topup = await self._settle(topup, State.UNKNOWN, "the visit that was sending it ended without an outcome")
        if topup.state is State.UNKNOWN:
            topup = await self._find_out(session, topup)
        if topup.state is not State.REQUESTED:
            return topup
        await session.confirm_identity()
        before = await self._shown(session)
        if before is None:
            return topup
        self.checkpoint("topup-before-sending")
        sending = await self.journal.begin(topup.id, before, self.now())
        return topup if sending is None else await self._send(session, sending, before)

    async def _send(self, session: TopUpSession, topup: TopUp, before: Shown) -> TopUp:
        if before.balance + topup.amount > _LARGEST:
            return await self._settle(topup, State.REJECTED, "the balance would not fit into the meter's register")
        try:
            await session.top_up(before.balance, topup.amount, topup.marker)
        except (AccessDenied, NotOffered, TopUpRefused) as refusal:
            return await self._settle(topup, State.REJECTED, f"the meter refused it: {refusal}")
        except HeadendError as lost:
            return await self._settle(topup, State.UNKNOWN, str(lost))
        self.checkpoint("topup-sent")
        try:
            await session.mark_recharge(topup.amount, topup.marker)
            after = await self._shown(session)
        except HeadendError as lost:
            return await self._settle(topup, State.UNKNOWN, f"not read back: {lost}")
        self.checkpoint("topup-before-commit")
        return await self._read_back(topup, before, after)

    async def _read_back(self, topup: TopUp, before: Shown, after: Shown | None) -> TopUp:
        proven = Proof.NEITHER if after is None else proof(topup, before, after)
        if after is not None and proven is Proof.APPLIED:
            return await self._settle(topup, State.CONFIRMED, _told(before, after))
        if after is not None and proven is Proof.REFUSED:
            return await self._settle(topup, State.REJECTED, _refused(after))
        return await self._settle(topup, State.UNKNOWN, "the balance did not rise")

    async def _find_out(self, session: TopUpSession, topup: TopUp) -> TopUp:
        """Where a top-up stands whose answer was lost, by reading; nothing is sent but a marker that is missing."""
        wait = LAG - (self.now() - topup.changed_at)
        if wait > timedelta(0):
            await self.sleep(min(wait, LAG).total_seconds())
        now, before = await self._shown(session), topup.before
        if now is None or before is None:
            return topup
        match proof(topup, before, now):
            case Proof.APPLIED:
                if now.marker != topup.marker:
                    await session.mark_recharge(topup.amount, topup.marker)
                return await self._settle(topup, State.CONFIRMED, f"found when read again: {_told(before, now)}")
            case Proof.ABSENT:
                return await self._settle(topup, State.REQUESTED, "read again: it was not applied")
            case Proof.REFUSED:
                return await self._settle(topup, State.QUARANTINED, _refused(now))
            case Proof.PENDING:
                return topup
            case Proof.NEITHER:
                return await self._settle(topup, State.QUARANTINED, f"read again, proves nothing: {_told(before, now)}")

    async def _shown(self, session: TopUpSession) -> Shown | None:
        return shown(await session.read_registers(), self.now(), await session.read_token())

    def _settle(self, topup: TopUp, state: State, note: str) -> Awaitable[TopUp]:
        return self.journal.settle(topup.id, state, note, self.now())


def _told(before: Shown, after: Shown) -> str:
    return f"balance {before.balance} paise before, {after.balance} after"


def _refused(shown_: Shown) -> str:
    return f"the meter did not take the token: status {shown_.token_code}"


#: Runs what is open over a session; what a visit is given.
RunTopUps = Callable[[TopUpSession], Awaitable[list[TopUp]]]
