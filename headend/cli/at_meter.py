"""Work at a meter from the command line: by ourselves when no daemon runs, else through the database.

Both ways journal first. Alone, we hold the daemon's lock for the time of the visit, so that two processes never visit
one meter; beside a daemon we wait for what it writes.
"""

import asyncio
import time
from datetime import datetime

from headend.app import Headend, now
from headend.cli.lookup import meter_of
from headend.commands.journal import RefusedByRule
from headend.commands.model import Command, State
from headend.commands.topup import TopUp
from headend.errors import HeadendError
from headend.scheduler.backlog import Urgency, Work
from headend.scheduler.ports import ReadResult
from headend.scheduler.visit import Visit, VisitResult, record_failure
from headend.storage.lock import AlreadyRunning, DaemonLock
from headend.storage.store import Store

#: States after which nothing more happens by itself.
ENDED = frozenset({State.CONFIRMED, State.REJECTED, State.EXPIRED, State.CANCELLED})
#: Seconds between two looks at what the daemon wrote.
LOOK = 0.1


class OutcomeUnknown(HeadendError):  # noqa: N818  an answer, not a fault
    """Nobody can say yet what the meter did; the relay is read before anything is sent again."""

    exit_code = 5


class NotDone(HeadendError):  # noqa: N818  as above
    """The command ended without its effect."""


class StillOpen(HeadendError):  # noqa: N818  as above
    """The command is journalled and will be carried out; the meter was not reached yet."""

    exit_code = 3


class Asked(HeadendError):  # noqa: N818  as above
    """The answer of a read that the daemon made, as an error with its exit code."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


async def carry_out(headend: Headend, command: Command, *, wait: bool, timeout_s: float) -> Command:
    """Carry a journalled command out, or (`wait`) wait until the daemon has; gives it back as it stands then.

    Raises HeadendError when the meter was not reached.
    """
    try:
        with DaemonLock.acquire(headend.store.path):
            return await _alone(headend, command)
    except AlreadyRunning:
        if not wait:
            return command
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        found = await headend.store.journal.command(command.id)
        if found is not None and (found.state in ENDED or found.state is State.QUARANTINED):
            return found
        await asyncio.sleep(LOOK)
    return await headend.store.journal.command(command.id) or command


async def _alone(headend: Headend, command: Command) -> Command:
    meter = await meter_of(headend.store, command.meter)
    urgency = Urgency.RECONNECT if command.target.value == "connected" else Urgency.RELAY
    work = Work(meter, urgency, now(), relay=True, reconnect=urgency is Urgency.RECONNECT)
    result = await visit_once(headend, work)
    found = await headend.store.journal.command(command.id) or command
    if found.state is State.REQUESTED and result.error:
        raise StillOpen(f"{result.error}; {kept(found)}")
    return found


async def carry_topup(headend: Headend, consumer_no: str, *, wait: bool, timeout_s: float) -> TopUp | None:
    """Bring the newest recharge to a meter that keeps the account, or (`wait`) wait until the daemon has.

    None for an account that the ledger keeps. Raises HeadendError when the meter was not reached.
    """
    store = headend.store
    account, found = await store.accounts.account(consumer_no), await store.topups.of(consumer_no, 1)
    if not found or account.meter is None:
        return None
    try:
        with DaemonLock.acquire(store.path):
            await visit_once(headend, Work(await meter_of(store, account.meter), Urgency.RELAY, now(), relay=True))
    except AlreadyRunning:
        until = time.monotonic() + timeout_s
        while wait and time.monotonic() < until and found[0].state not in ENDED:
            await asyncio.sleep(LOOK)
            found = await store.topups.of(consumer_no, 1)
    except HeadendError as error:
        raise StillOpen(f"{error}; the payment is booked, and top-up {found[0].id} waits for the next visit") from error
    return (await store.topups.of(consumer_no, 1))[0]


async def read_now(
    headend: Headend, serial: str, profile: str | None, since: datetime | None, until: datetime | None, timeout_s: float
) -> str:
    """Read a meter and give the answer as JSON text. Raises HeadendError when it can't be had."""
    meter = await meter_of(headend.store, serial)
    fleet = headend.store.fleet
    request = await fleet.ask_read(serial, profile, since, until)
    try:
        with DaemonLock.acquire(headend.store.path):
            found = await fleet.new_read_requests(lambda other: other.serial == serial)
            mine = [each for each in found if each.id == request]
            await visit_once(headend, Work(meter, Urgency.READ, now(), reads=mine))
    except AlreadyRunning:
        await _answered(headend, request, timeout_s)
    result = await fleet.read_result(request)
    return _body(serial, result)


async def _answered(headend: Headend, request: int, timeout_s: float) -> None:
    until = time.monotonic() + timeout_s
    # Another process writes the answer: there is nothing to be woken by.
    while time.monotonic() < until and await headend.store.fleet.read_result(request) is None:  # noqa: ASYNC110
        await asyncio.sleep(LOOK)


def _body(serial: str, result: ReadResult | None) -> str:
    if result is None:
        raise Asked(f"meter {serial}: the daemon has not answered in time; `headend events` shows what it does", 3)
    if result.body is None:
        raise Asked(result.error or "no answer", result.exit_code)
    return result.body


async def visit_once(headend: Headend, work: Work) -> VisitResult:
    """One visit by this process, recorded like any other. Raises HeadendError when no session came about."""
    visit = Visit(headend.ports(), work, now())
    try:
        async with headend.open_session(work.meter) as session:
            return await visit.run(session)
    except HeadendError as error:
        await record_failure(headend.store.fleet, work, visit.started, now(), error)
        raise


def kept(command: Command) -> str:
    """What becomes of a command that is still open."""
    return (
        f"command {command.id} stays in the journal and is carried out by the next visit"
        f" (cancel it with `headend commands cancel {command.id}`)"
    )


async def raise_unless_done(store: Store, command: Command) -> None:
    """Raise what the exit code of this command's state needs; nothing for one that is confirmed."""
    if command.state is State.CONFIRMED:
        return
    steps = await store.journal.steps(command.id)
    why = f": {steps[-1].note}" if steps and steps[-1].note else ""
    text = f"command {command.id} ({command.target.value}) is {command.state.value}{why}"
    match command.state:
        case State.UNKNOWN | State.SENDING:
            raise OutcomeUnknown(f"{text}; the relay is read before anything is sent again")
        case State.QUARANTINED:
            raise RefusedByRule(f"{text}; a person may release it with `headend commands release {command.id}`")
        case State.CANCELLED:
            raise RefusedByRule(text)
        case State.REQUESTED:
            raise StillOpen(f"{text}; {kept(command)}")
        case _:
            raise NotDone(text)
