"""One visit to one meter: connect, associate, make sure who answers, work, release whatever happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache
from typing import Final

import structlog
from attrs import Factory, field, frozen

from headend.dlms.association import State
from headend.dlms.connection import ClientConnection
from headend.dlms.cosem import CosemAttribute
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.meters.model import MeterModel, Role
from headend.session.counters import CounterJump, ReservedCounters
from headend.session.errors import (
    CounterRefused,
    DeadlineExceeded,
    MeterMisbehaved,
    NotConfigured,
    SecurityBreach,
    SessionError,
    WrongMeter,
    explain,
)
from headend.session.identity import check_identity
from headend.session.line import Connect, framing_for
from headend.session.link import Link
from headend.session.parameters import LARGEST_PDU, client_parameters, needs_counters, needs_keys
from headend.session.plans import plan_for
from headend.session.ports import CounterStore, KeyRing, KeySet, Monotonic, Now, RandomBytes
from headend.session.session import Session
from headend.session.shapes import MemoryShapes, ShapeCache
from headend.transport.address import Address, Medium, Wire, parse_address
from headend.transport.stream import Stream

_log = structlog.get_logger()

#: How far our counter may be moved ahead at once when the meter's is larger: a restored database is behind by less, and
#: a number that somebody made up can't use the 2**32 up in one go.
LARGEST_JUMP: Final = 1 << 20
PUBLIC: Final = "public"

#: The same few thousand addresses are visited again and again by one process.
_parsed = lru_cache(maxsize=16_384)(parse_address)


class _NotAcceptedError(Exception):
    """The association did not come about; `error` says why, `last_given` is the largest counter we sent."""

    def __init__(self, error: SessionError, last_given: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.last_given = last_given


@frozen
class _Target:
    meter: Meter
    model: MeterModel
    role_name: str
    role: Role
    address: Address
    deadline: float


@frozen
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

    @asynccontextmanager
    async def visit(self, meter: Meter, model: MeterModel, role: str, deadline_s: float) -> AsyncIterator[Session]:
        """A session with `meter` as `role`; the whole visit ends within `deadline_s` seconds.

        When the meter refuses the association, the public client is asked who is there and, for a role with counters,
        whether ours is behind: then it is moved ahead, within bounds, and the association is tried once more.

        Raises NotReachable, DeadlineExceeded, AssociationRefused, CounterRefused, WrongMeter, SecurityBreach,
        MeterMisbehaved, NotConfigured. Inside the block every step may raise SessionError.
        """
        target = _target(meter, model, role, self.monotonic() + deadline_s)
        async with AsyncExitStack() as stack:
            try:
                session = await self._open(stack, target)
            except _NotAcceptedError as refused:
                await stack.aclose()
                jump = await self._recover(target, refused)
                session = await self._open_again(stack, target, jump)
            yield session

    async def _open_again(self, stack: AsyncExitStack, target: _Target, jump: CounterJump | None = None) -> Session:
        try:
            return await self._open(stack, target, jump)
        except _NotAcceptedError as refused:
            raise refused.error from None

    async def _open(self, stack: AsyncExitStack, target: _Target, jump: CounterJump | None = None) -> Session:
        meter = target.meter
        stream = await self._connected(stack, target)
        keys = await self._keys(target)
        reserved, received = None, -1
        if needs_counters(target.role):
            received = await self.counters.received(meter.serial, target.role_name)
            reserved = ReservedCounters(self.counters, meter.serial, target.role_name)
            await reserved.reserve()
        try:
            parameters = client_parameters(
                meter,
                target.role,
                keys,
                counters=reserved,
                last_received=received,
                random_bytes=self.random_bytes,
                max_pdu_size=self.max_pdu_size,
            )
            framing = framing_for(target.address, target.role.client_sap, meter.server_sap)
            connection = ClientConnection(parameters, framing)
        except HeadendError as error:
            raise explain(meter.serial, error) from error
        link = Link(
            meter.serial,
            connection,
            stream,
            counters=reserved,
            time_left=target.deadline - self.monotonic(),
            timed=target.address.wire is Wire.HDLC or target.address.medium is Medium.UDP,
        )
        stack.push_async_callback(self._leave, target, link, stream, received)
        await link.run(_greet(link, target, reserved))
        # Without keys behind it a title is anybody's word and nothing to hold a meter to.
        proven = None if reserved is None else connection.peer_system_title
        return Session(
            meter,
            target.model,
            target.role_name,
            link,
            now=self.now,
            shapes=self.shapes,
            system_title=proven,
            counter_jump=jump,
        )

    async def _connected(self, stack: AsyncExitStack, target: _Target) -> Stream:
        left = target.deadline - self.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"meter {target.meter.serial}: no time is left to connect")
        try:
            lent = self.connect(target.address, asyncio.get_running_loop().time() + left)
            return await stack.enter_async_context(lent)
        except HeadendError as error:
            raise explain(target.meter.serial, error) from error

    async def _keys(self, target: _Target) -> KeySet | None:
        if not needs_keys(target.role):
            return None
        serial, role = target.meter.serial, target.role_name
        keys = await self.keys.keys(serial, role)
        if keys is None:
            raise NotConfigured(f"meter {serial}: no keys for role {role}; import them with `headend keys import FILE`")
        return keys

    async def _leave(self, target: _Target, link: Link, stream: Stream, received: int) -> None:
        """Release, keep the meter's counter, and let go of a stream on which a late answer may still come."""
        try:
            await link.release()
        finally:
            link.close()
            if link.connection.state is not State.RELEASED:
                stream.close()
            if link.connection.last_received > received:
                await self.counters.advance_received(
                    target.meter.serial, target.role_name, link.connection.last_received
                )

    async def _recover(self, target: _Target, refused: _NotAcceptedError) -> CounterJump:
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

    async def _their_counter(self, target: _Target, refusal: SessionError) -> int:
        """The role's counter as the public client reads it, after making sure that it is the right meter's."""
        role = target.role
        if PUBLIC not in target.model.roles or target.role_name == PUBLIC or not needs_counters(role):
            raise refusal
        public = _target(target.meter, target.model, PUBLIC, target.deadline)
        async with AsyncExitStack() as stack:
            try:
                session = await self._open_again(stack, public)
                if role.counter is None:
                    raise refusal
                value = await session.get(CosemAttribute(1, role.counter, 2))
            except WrongMeter:
                raise
            except SessionError as error:
                raise refusal from error
        if not isinstance(value.value, int) or isinstance(value.value, bool):
            raise refusal
        return value.value


async def _greet(link: Link, target: _Target, reserved: ReservedCounters | None) -> None:
    try:
        await link.associate()
    except SessionError as error:
        raise _NotAcceptedError(error, -1 if reserved is None else reserved.last_given) from error
    await check_identity(link, target.meter, plan_for(target.model))


def _target(meter: Meter, model: MeterModel, role: str, deadline: float) -> _Target:
    if role not in model.roles:
        known = ", ".join(model.roles)
        raise NotConfigured(f"meter {meter.serial}: model {model.name} has no role {role!r}; it has {known}")
    try:
        address = _parsed(meter.address)
    except HeadendError as error:
        raise explain(meter.serial, error) from error
    return _Target(meter, model, role, model.roles[role], address, deadline)
