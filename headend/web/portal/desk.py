"""Everything the portal stands on, handed in; and how often what may be tried."""

import asyncio
import ipaddress
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from attrs import Factory, field, frozen

from headend.prepaid.portal import Bound
from headend.session.ports import Now
from headend.web.faces import WebRequest
from headend.web.ports.portal import (
    Accounts,
    CodeSender,
    Complaints,
    Doors,
    Gateway,
    Inbox,
    Money,
    Payments,
    PolicyOf,
    Statements,
    Tries,
)

_log = structlog.get_logger()

#: The key in the router's `opt` that holds what gives the desk: values there are copied, functions are not.
DESK: Final = "desk"
#: In this time the consumers are counted that an address asks for.
_CROWD_SPAN: Final = timedelta(days=1)


@frozen
class DoorRules:
    """How long a code is good, how often it may be tried, and how much one consumer number or address may try.

    An address may stand for a whole village behind one provider, so its bounds are wide.
    """

    code_valid_for: timedelta = timedelta(minutes=10)
    code_tries: int = 3
    codes_per_address: int = 60
    tries_per_consumer: int = 10
    tries_per_address: int = 120
    accounts_per_address: int = 60
    payments_per_consumer: int = 10
    code_span: timedelta = timedelta(hours=1)
    try_span: timedelta = timedelta(minutes=15)


@frozen
class Bounds:
    """What may be tried how often: the same for numbers that exist and for those that do not."""

    tries: Tries
    rules: DoorRules

    async def code(self, address: str, consumer_no: str) -> float:
        """Seconds to wait before another code may be asked for."""
        if not await self._admits(address, consumer_no):
            return _CROWD_SPAN.total_seconds()
        codes = Bound("code by address", self.rules.codes_per_address, self.rules.code_span)
        return await self.tries.take([(codes, address)])

    async def entry(self, address: str, consumer_no: str) -> float:
        """Seconds to wait before another code, password or meter number may be tried."""
        if not await self._admits(address, consumer_no):
            return _CROWD_SPAN.total_seconds()
        by_address = Bound("entry by address", self.rules.tries_per_address, self.rules.try_span)
        return await self.tries.take([(by_address, address), (self._of_consumer(), consumer_no)])

    async def payment(self, consumer_no: str) -> float:
        """Seconds to wait before another payment may begin."""
        payments = Bound("payment", self.rules.payments_per_consumer, timedelta(hours=1))
        return await self.tries.take([(payments, consumer_no)])

    async def came_in(self, consumer_no: str) -> None:
        """Who came in has shown to be the consumer: what was tried wrongly before counts no more."""
        await self.tries.forget(self._of_consumer(), consumer_no)

    def _of_consumer(self) -> Bound:
        return Bound("entry by consumer", self.rules.tries_per_consumer, self.rules.try_span)

    async def _admits(self, address: str, consumer_no: str) -> bool:
        return await self.tries.admits(address, consumer_no, self.rules.accounts_per_address, _CROWD_SPAN)


@frozen
class Desk:
    """The portal's ports. `gateway` None: nothing can be paid online. `offices` tells address and hours by office."""

    now: Now
    doors: Doors
    payments: Payments
    complaints: Complaints
    statements: Statements
    tries: Tries
    accounts: Accounts
    inbox: Inbox
    policy_of: PolicyOf
    send_code: CodeSender
    book: Money
    gateway: Gateway | None = None
    rules: DoorRules = Factory(DoorRules)
    offices: Mapping[str, str] = Factory(dict)
    helpline: str = ""
    bounds: Bounds = field(init=False, default=Factory(lambda self: Bounds(self.tries, self.rules), takes_self=True))
    #: What goes on after an answer was given: a code that is sent, a word that comes late.
    _later: set[asyncio.Task[None]] = field(factory=set, init=False)

    def later(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Go on with something after the answer, whose time then tells nothing of it."""
        task = asyncio.create_task(work, name=what)
        self._later.add(task)
        task.add_done_callback(self._ended)

    async def settled(self) -> None:
        """Wait until nothing goes on any more."""
        while self._later:
            await asyncio.gather(*self._later, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._later.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the portal could not go on", what=task.get_name(), exc_info=error)


def desk_of(request: WebRequest) -> Desk:
    """The desk of the router that a request came to."""
    found: Desk = request.route_handler.opt[DESK]()
    return found


def origin(address: str) -> str:
    """The address that bounds are counted by: of an IPv6 network the part that one customer has."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
