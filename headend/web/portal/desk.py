"""Everything the portal stands on, handed in; and how often what may be tried."""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from attrs import Factory, define, field, frozen

from headend.session.ports import Now
from headend.web.faces import WebRequest
from headend.web.limits import Limiter
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
)

_log = structlog.get_logger()

#: The key in the router's `opt` that holds what gives the desk: values there are copied, functions are not.
DESK: Final = "desk"
#: Addresses that are remembered with the consumers they asked for.
_MOST_ADDRESSES: Final = 20_000


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


@define(eq=False)
class Crowd:
    """How many different consumers an address asks for within a span."""

    most: int
    span: timedelta
    now: Callable[[], datetime]
    _seen: OrderedDict[str, dict[str, datetime]] = field(init=False, factory=OrderedDict)

    def admits(self, address: str, consumer_no: str) -> bool:
        """Note that an address asks for a consumer; False where that is one too many."""
        now = self.now()
        seen = {number: at for number, at in self._seen.pop(address, {}).items() if now - at < self.span}
        admitted = consumer_no in seen or len(seen) < self.most
        if admitted:
            seen[consumer_no] = now
        self._seen[address] = seen
        while len(self._seen) > _MOST_ADDRESSES:
            self._seen.popitem(last=False)
        return admitted


@define(eq=False)
class Bounds:
    """What may be tried how often: the same for numbers that exist and for those that do not."""

    codes: Limiter
    consumer_tries: Limiter
    address_tries: Limiter
    crowd: Crowd
    payments: Limiter

    @classmethod
    def of(cls, rules: DoorRules, now: Now) -> "Bounds":
        """The bounds that rules set."""
        return cls(
            codes=Limiter(rules.codes_per_address, rules.code_span, now),
            consumer_tries=Limiter(rules.tries_per_consumer, rules.try_span, now),
            address_tries=Limiter(rules.tries_per_address, rules.try_span, now),
            crowd=Crowd(rules.accounts_per_address, timedelta(days=1), now),
            payments=Limiter(rules.payments_per_consumer, timedelta(hours=1), now),
        )

    def code(self, address: str, consumer_no: str) -> float:
        """Seconds to wait before another code may be asked for."""
        if not self.crowd.admits(address, consumer_no):
            return self.crowd.span.total_seconds()
        return self.codes.take(address)

    def entry(self, address: str, consumer_no: str) -> float:
        """Seconds to wait before another code, password or meter number may be tried."""
        if not self.crowd.admits(address, consumer_no):
            return self.crowd.span.total_seconds()
        return max(self.address_tries.take(address), self.consumer_tries.take(consumer_no))


@frozen
class Desk:
    """The portal's ports. `gateway` None: nothing can be paid online. `offices` tells address and hours by office."""

    now: Now
    doors: Doors
    payments: Payments
    complaints: Complaints
    statements: Statements
    accounts: Accounts
    inbox: Inbox
    policy_of: PolicyOf
    send_code: CodeSender
    book: Money
    gateway: Gateway | None = None
    rules: DoorRules = Factory(DoorRules)
    offices: Mapping[str, str] = Factory(dict)
    helpline: str = ""
    bounds: Bounds = Factory(lambda self: Bounds.of(self.rules, self.now), takes_self=True)
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
