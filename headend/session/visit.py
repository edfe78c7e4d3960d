"""One visit to one meter: connect, associate, make sure who answers, work, release whatever happens."""

from contextlib import AbstractAsyncContextManager
from functools import lru_cache
from types import TracebackType
from typing import Final

import structlog
from attrs import Factory, field, frozen

from headend.dlms.cosem import CosemAttribute
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.meters.model import MeterModel
from headend.session.attempt import Attempt, NotAccepted, Surroundings, Target
from headend.session.counters import CounterJump
from headend.session.errors import (
    CounterRefused,
    MeterMisbehaved,
    NotConfigured,
    SecurityBreach,
    SessionError,
    WrongMeter,
    explain,
)
from headend.session.line import Connect
from headend.session.parameters import LARGEST_PDU
from headend.session.plans import plan_for
from headend.session.ports import CounterStore, KeyRing, Monotonic, Now, RandomBytes
from headend.session.session import Session
from headend.session.shapes import MemoryShapes, ShapeCache
from headend.transport.address import parse_address

_log = structlog.get_logger()

#: How far our counter may be moved ahead at once when the meter's is larger: a restored database is behind by less, and
#: a number that somebody made up can't use the 2**32 up in one go.
LARGEST_JUMP: Final = 1 << 20
PUBLIC: Final = "public"

#: The same few thousand addresses are visited again and again by one process.
_parsed = lru_cache(maxsize=16_384)(parse_address)


@frozen(eq=False)
class Visitor:
    """Opens sessions.

    `connect` lends a stream for one visit; `largest_jump` bounds the recovery of a counter; `max_pdu_size` is the
    largest APDU we say we take.
    """

    keys: KeyRing = field(repr=False)
    counters: CounterStore
    connect: Connect
    now: Now
    monotonic: Monotonic
    random_bytes: RandomBytes = field(repr=False)
    shapes: ShapeCache = Factory(MemoryShapes)
    largest_jump: int = LARGEST_JUMP
    max_pdu_size: int = LARGEST_PDU
    _around: Surroundings = field(init=False, repr=False)

    @_around.default
    def _surroundings(self) -> Surroundings:
        return Surroundings(
            self.keys,
            self.counters,
            self.connect,
            self.now,
            self.monotonic,
            self.random_bytes,
            self.shapes,
            self.max_pdu_size,
        )

    def visit(
        self, meter: Meter, model: MeterModel, role: str, deadline_s: float
    ) -> AbstractAsyncContextManager[Session]:
        """A session with `meter` as `role`; the whole visit ends within `deadline_s` seconds.

        When the meter refuses the association, the public client is asked who is there and, for a role with counters,
        whether ours is behind: then it is moved ahead, within bounds, and the association is tried once more.

        Entering raises NotReachable, DeadlineExceeded, AssociationRefused, CounterRefused, WrongMeter, SecurityBreach,
        MeterMisbehaved, NotConfigured. Inside the block every step may raise SessionError.
        """
        return _Visit(self, _target(meter, model, role, self.monotonic() + deadline_s))

    async def open(self, target: Target) -> tuple[Attempt, Session]:
        """An open attempt and its session; with a counter that is behind, the second attempt."""
        attempt = Attempt(self._around, target)
        try:
            return attempt, await attempt.open()
        except NotAccepted as refused:
            jump = await self._recover(target, refused)
        return await self._open_once(target, jump)

    async def _open_once(self, target: Target, jump: CounterJump | None = None) -> tuple[Attempt, Session]:
        attempt = Attempt(self._around, target)
        try:
            return attempt, await attempt.open(jump)
        except NotAccepted as refused:
            raise refused.error from None

    async def _recover(self, target: Target, refused: NotAccepted) -> CounterJump:
        """Our counter moved above the meter's, if that is what was wrong; else the refusal is raised, or WrongMeter."""
        ours = refused.last_given
        theirs = await self._their_counter(target, refused.error)
        # What breaks the rules is no refusal: whoever does that must not choose our counter either.
        if theirs <= ours or isinstance(refused.error, SecurityBreach | MeterMisbehaved):
            raise refused.error
        serial, role = target.meter.serial, target.role_name
        if theirs - ours > self.largest_jump:
            raise CounterRefused(serial, role, ours, theirs, self.largest_jump) from refused.error
        await self.counters.jump(serial, role, theirs + 1)
        _log.warning("invocation counter moved ahead", meter=serial, role=role, ours=ours, theirs=theirs)
        return CounterJump(role, ours, theirs)

    async def _their_counter(self, target: Target, refusal: SessionError) -> int:
        """The role's counter as the public client reads it, after making sure that it is the right meter's."""
        counter = target.role.role.counter
        if PUBLIC not in target.plan.roles or target.role_name == PUBLIC or not target.role.needs_counters:
            raise refusal
        try:
            attempt, session = await self._open_once(_target(target.meter, target.plan.model, PUBLIC, target.deadline))
            try:
                if counter is None:
                    raise refusal
                value = await session.get(CosemAttribute(1, counter, 2))
            finally:
                await attempt.close()
        except WrongMeter:
            raise
        except SessionError as error:
            raise refusal from error
        if not isinstance(value.value, int) or isinstance(value.value, bool):
            raise refusal
        return value.value


class _Visit(AbstractAsyncContextManager[Session]):
    """Written out: a visit costs a few hundred microseconds, and a generator with an exit stack takes a tenth of it."""

    __slots__ = ("_attempt", "_target", "_visitor")

    def __init__(self, visitor: Visitor, target: Target) -> None:
        self._visitor = visitor
        self._target = target
        self._attempt: Attempt | None = None

    async def __aenter__(self) -> Session:
        self._attempt, session = await self._visitor.open(self._target)
        return session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._attempt is not None
        await self._attempt.close(kind, error, traceback)


def _target(meter: Meter, model: MeterModel, role: str, deadline: float) -> Target:
    plan = plan_for(model)
    if role not in plan.roles:
        known = ", ".join(plan.roles)
        raise NotConfigured(f"meter {meter.serial}: model {model.name} has no role {role!r}; it has {known}")
    try:
        address = _parsed(meter.address)
    except HeadendError as error:
        raise explain(meter.serial, error) from error
    return Target(meter, plan, role, plan.roles[role], address, deadline)
