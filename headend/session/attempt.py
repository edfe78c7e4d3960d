"""One attempt to open a session: a stream, an association, and the proof of who answers; and their orderly end."""

import asyncio
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Final

from attrs import frozen

from headend.dlms.association import State
from headend.dlms.connection import ClientConnection
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.session.counters import CounterJump, ReservedCounters
from headend.session.errors import DeadlineExceeded, NotConfigured, SessionError, explain
from headend.session.identity import check_identity
from headend.session.line import Connect, framing_for
from headend.session.link import Link
from headend.session.parameters import RolePlan, client_parameters
from headend.session.plans import Plan
from headend.session.ports import CounterStore, KeyRing, KeySet, Monotonic, Now, RandomBytes
from headend.session.session import Session
from headend.session.shapes import ShapeCache
from headend.transport.address import Address, Medium, Wire
from headend.transport.stream import Stream

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


#: After these nothing is outstanding, so no late answer can reach the next visit on the same stream.
_IN_ORDER: Final = frozenset((State.RELEASED, State.REFUSED))


class NotAccepted(Exception):  # noqa: N818  caught where the visit decides what it means
    """The association did not come about; `error` says why, `last_given` is the largest counter we sent (-1: none)."""

    def __init__(self, error: SessionError, last_given: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.last_given = last_given


@frozen(eq=False)
class Surroundings:
    """What every attempt uses."""

    keys: KeyRing
    counters: CounterStore
    connect: Connect
    now: Now
    monotonic: Monotonic
    random_bytes: RandomBytes
    shapes: ShapeCache
    max_pdu_size: int


@frozen(eq=False)
class Target:
    """Which meter, how, and until when (in the time of `monotonic`)."""

    meter: Meter
    plan: Plan
    role_name: str
    role: RolePlan
    address: Address
    deadline: float


class Attempt:
    """Used once: `open`, then `close` whatever happened in between."""

    __slots__ = ("_around", "_lent", "_link", "_received", "_stream", "_target")

    def __init__(self, around: Surroundings, target: Target) -> None:
        self._around = around
        self._target = target
        self._lent: AbstractAsyncContextManager[Stream] | None = None
        self._stream: Stream | None = None
        self._link: Link | None = None
        self._received = -1

    async def open(self, jump: CounterJump | None = None) -> Session:
        """Connect, associate, identify. NotAccepted where the association fails, else SessionError; closed then."""
        try:
            return await self._open(jump)
        except BaseException:
            await self.close(*sys.exc_info())
            raise

    async def close(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Release, keep the meter's counter, give the stream back: closed, if a late answer may still come on it."""
        lent, self._lent = self._lent, None
        try:
            await self._leave()
        finally:
            if lent is not None:
                await lent.__aexit__(kind, error, traceback)

    async def _open(self, jump: CounterJump | None) -> Session:
        around, target = self._around, self._target
        meter, role = target.meter, target.role
        self._stream = stream = await self._connect()
        keys = await self._keys() if role.needs_keys else None
        reserved = await self._reserve() if role.needs_counters else None
        try:
            parameters = client_parameters(
                meter,
                role,
                keys,
                counters=reserved,
                last_received=self._received,
                random_bytes=around.random_bytes,
                max_pdu_size=around.max_pdu_size,
            )
            framing = framing_for(target.address, parameters.client_sap, parameters.server_sap)
            connection = ClientConnection(parameters, framing)
        except HeadendError as error:
            raise explain(meter.serial, error) from error
        self._link = link = Link(
            meter.serial,
            connection,
            stream,
            counters=reserved,
            time_left=target.deadline - around.monotonic(),
            timed=target.address.wire is Wire.HDLC or target.address.medium is Medium.UDP,
        )
        await link.run(_greet(link, target, reserved))
        # Without keys behind it a title is anybody's word and nothing to hold a meter to.
        proven = None if reserved is None else connection.peer_system_title
        return Session(
            meter,
            target.plan,
            target.role_name,
            link,
            now=around.now,
            shapes=around.shapes,
            system_title=proven,
            counter_jump=jump,
        )

    async def _connect(self) -> Stream:
        serial = self._target.meter.serial
        left = self._target.deadline - self._around.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"meter {serial}: no time is left to connect")
        try:
            lent = self._around.connect(self._target.address, asyncio.get_running_loop().time() + left)
            stream = await lent.__aenter__()
        except HeadendError as error:
            raise explain(serial, error) from error
        self._lent = lent
        return stream

    async def _keys(self) -> KeySet:
        serial, role = self._target.meter.serial, self._target.role_name
        keys = await self._around.keys.keys(serial, role)
        if keys is None:
            raise NotConfigured(f"meter {serial}: no keys for role {role}; import them with `headend keys import FILE`")
        return keys

    async def _reserve(self) -> ReservedCounters:
        """Counters for this attempt, reserved only now that the meter is reached."""
        serial, role, store = self._target.meter.serial, self._target.role_name, self._around.counters
        self._received = await store.received(serial, role)
        reserved = ReservedCounters(store, serial, role)
        await reserved.reserve()
        return reserved

    async def _leave(self) -> None:
        link, stream = self._link, self._stream
        if link is None or stream is None:
            return
        try:
            await link.release()
        finally:
            link.close()
            if link.connection.state not in _IN_ORDER:
                stream.close()
            received = link.connection.last_received
            if received > self._received:
                await self._around.counters.advance_received(
                    self._target.meter.serial, self._target.role_name, received
                )


async def _greet(link: Link, target: Target, reserved: ReservedCounters | None) -> None:
    try:
        await link.associate()
    except SessionError as error:
        raise NotAccepted(error, -1 if reserved is None else reserved.last_given) from error
    await check_identity(link, target.meter, target.plan)
