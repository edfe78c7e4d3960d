"""One connection over one stream: requests go out, answers come back, and time runs.

The steps of a session are coroutines that wait for one answer after the other. Resuming a task through a future costs a
turn of the loop for every round trip, so `run` drives a whole sequence of steps straight from the transport's callback:
when the octets of an answer arrive, the coroutine goes on at once and its next request is on the wire before the
callback returns. Only the end of the sequence wakes the task that waits for it. Measured on uvloop without a protocol:
2.5 us a round trip, against 4.2 us with a future each.
"""

import asyncio
import types
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, TypeVar

from headend.dlms.apdu import ConfirmedServiceError, DataNotification, EventNotification, ExceptionResponse
from headend.dlms.association import State
from headend.dlms.connection import (
    Associated,
    AssociationRejected,
    ClientConnection,
    ClientEvent,
    PreparedRequest,
    Request,
)
from headend.dlms.enumerations import AssociationResult
from headend.dlms.errors import LocalError, RemoteError
from headend.errors import HeadendError
from headend.session.counters import AT_ONCE, LOW, ReservedCounters
from headend.session.errors import (
    AssociationRefused,
    DeadlineExceeded,
    MeterBusy,
    MeterMisbehaved,
    NotOffered,
    NotReachable,
    ServiceRefused,
    SessionError,
    explain,
)
from headend.transport.deadlines import deadlines_of
from headend.transport.errors import TransportError
from headend.transport.stream import Stream

T = TypeVar("T")
_Waiter = Callable[["ClientEvent | SessionError"], None]

#: Notifications kept while a visit goes on; a meter that floods us loses the oldest.
MOST_NOTIFICATIONS: Final = 64
#: Seconds of silence after which the link below (HDLC) asks again: longer than a meter behind a modem takes to answer.
ASK_AGAIN: Final = 5.0
#: Seconds the association may take: slow modems need some; some meters answer a stale counter with silence, and then
#: there must be time left to find out.
ASSOCIATION_PATIENCE: Final = 20.0
#: Seconds the answer to a release is waited for: the work is done, and some meters never answer.
RELEASE_PATIENCE: Final = 3.0
#: Octets held back while counters are reserved: one answer of the largest size, and a little.
MOST_HELD: Final = 1 << 20
#: Members of enumerations that every session needs: looked up in their class they take 0.15 us each time (3.11).
_ASSOCIATED: Final = State.ASSOCIATED
_UNASKED: Final = frozenset((DataNotification, EventNotification))
#: What a request may be answered with in place of its answer.
_REFUSALS: Final = frozenset((ExceptionResponse, ConfirmedServiceError))


class Link:
    """A ClientConnection on a Stream, for one visit and one task at a time.

    Every method raises SessionError, and once something broke always the one that says what.
    """

    __slots__ = (
        "_ask_again",
        "_connection",
        "_counters",
        "_deadlines",
        "_done",
        "_end",
        "_ended",
        "_fault",
        "_held",
        "_loop",
        "_meter",
        "_notifications",
        "_refill",
        "_steps",
        "_stream",
        "_timed",
        "_waiter",
        "due",
    )

    def __init__(
        self,
        meter: str,
        connection: ClientConnection,
        stream: Stream,
        *,
        counters: ReservedCounters | None,
        time_left: float,
        timed: bool,
    ) -> None:
        self._meter = meter
        self._connection = connection
        self._stream = stream
        self._counters = counters
        self._timed = timed
        self._loop = asyncio.get_running_loop()
        self._fault: SessionError | None = None
        self._held = b""
        self._ended: tuple[TransportError | None] | None = None
        self._refill: asyncio.Task[None] | None = None
        self._waiter: _Waiter | None = None
        self._steps: Coroutine[Any, Any, Any] | None = None
        self._done: asyncio.Future[Any] | None = None
        self._ask_again: asyncio.TimerHandle | None = None
        self._notifications: deque[DataNotification | EventNotification] | None = None
        #: When the visit, its association or its release is over, whichever goes on; in the time of the loop.
        self.due = self._end = self._loop.time() + max(time_left, 0.0)
        self._deadlines = deadlines_of(self._loop)
        self._deadlines.watch(self)
        stream.attach(self._on_data, self._on_lost)

    @property
    def connection(self) -> ClientConnection:
        """The protocol's state."""
        return self._connection

    @property
    def fault(self) -> SessionError | None:
        """What ended this link; None while it is good."""
        return self._fault

    @property
    def notifications(self) -> "deque[DataNotification | EventNotification]":
        """What the meter told unasked, the oldest first; take out what was dealt with."""
        if self._notifications is None:  # made late: hardly any visit has one
            self._notifications = deque(maxlen=MOST_NOTIFICATIONS)
        return self._notifications

    async def associate(self) -> Associated:
        """Set up link and association; AssociationRefused where the meter says no."""
        self._check()
        self._hurry(ASSOCIATION_PATIENCE)
        try:
            self._connection.associate()
            self._flush()
            event = await self._answer()
        except LocalError as error:
            raise self._break(explain(self._meter, error)) from error
        finally:
            self.due = self._end
        if isinstance(event, AssociationRejected):
            self._flush()
            transient = event.result is AssociationResult.REJECTED_TRANSIENT
            refusal = (MeterBusy if transient else AssociationRefused)(f"meter {self._meter}: {event.text}")
            self._break(refusal)
            raise refusal
        assert isinstance(event, Associated)
        return event

    @types.coroutine
    def ask(
        self, request: Request | PreparedRequest, sent: Callable[[], None] | None = None
    ) -> Generator[Any, Any, Any]:
        """The complete answer to one confirmed request, of the kind that goes with it.

        `sent` is called once the request is handed to the transport. ServiceRefused for an exception in its place,
        NotOffered for what the meter did not agree to when it associated.
        """
        if self._fault is not None:
            raise self._fault
        connection = self._connection
        try:
            connection.send(request)
            output = connection.take_output()
            if output:
                self._stream.write(output)
        except LocalError as error:
            raise NotOffered(f"meter {self._meter}: {error}") from error
        except (RemoteError, TransportError) as error:
            raise self._break(explain(self._meter, error)) from error
        if self._timed:
            self._mind_the_link()
        if sent is not None:
            sent()
        event = (yield self) if self._steps is not None else (yield from self._future())
        if type(event) in _REFUSALS:
            raise self._refusal(event)  # type: ignore[arg-type]
        return event

    def _refusal(self, event: ExceptionResponse | ConfirmedServiceError) -> ServiceRefused:
        if isinstance(event, ExceptionResponse):
            reason = f"{event.state_error.text}, {event.service_error.text}"
        else:
            reason = f"{event.service.text}, {event.group.text} {event.error}"
        return ServiceRefused(f"meter {self._meter}: request refused ({reason})")

    async def release(self) -> None:
        """End the association in order where it still stands; never raises, never waits long."""
        if self._fault is not None or self._connection.state is not _ASSOCIATED:
            return
        self._hurry(RELEASE_PATIENCE)
        try:
            waits = self._connection.release()
            self._flush()
            if waits:
                await self._answer()
                self._flush()
        except HeadendError:
            return
        finally:
            self._deadlines.forget(self)

    def close(self) -> None:
        """Stop listening; the stream stays with its owner."""
        self._break(NotReachable(f"meter {self._meter}: the visit is over"))
        if not self._stream.ended:
            self._stream.detach()

    async def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Drive `steps`, which may wait for this link and nothing else, from the transport's own callbacks."""
        if self._steps is not None:
            return await steps
        done = self._done = self._loop.create_future()
        self._steps = steps
        self._resume(None)
        try:
            return await done  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            self._break(NotReachable(f"meter {self._meter}: the visit was stopped"))
            raise
        finally:
            self._steps = self._done = None

    # Waiting

    @types.coroutine
    def _answer(self) -> Generator[Any, Any, ClientEvent]:
        if self._steps is not None:
            return (yield self)  # type: ignore[no-any-return]
        return (yield from self._future())

    def _future(self) -> "asyncio.Future[ClientEvent]":
        future: asyncio.Future[ClientEvent] = self._loop.create_future()

        def wake(event: ClientEvent | SessionError) -> None:
            if future.done():
                return
            if isinstance(event, SessionError):
                future.set_exception(event)
            else:
                future.set_result(event)

        self._waiter = wake
        return future

    def _resume(self, event: ClientEvent | SessionError | None) -> None:
        steps, done = self._steps, self._done
        assert steps is not None
        assert done is not None
        try:
            waited = steps.throw(event) if isinstance(event, SessionError) else steps.send(event)
        except StopIteration as stop:
            if not done.done():
                done.set_result(stop.value)
        except BaseException as error:  # noqa: BLE001  handed to the task that waits for the steps
            if not done.done():
                done.set_exception(error)
        else:
            assert waited is self, "driven steps wait for the link and nothing else"
            self._waiter = self._resume

    # What comes in

    def _on_data(self, octets: bytes) -> None:
        counters = self._counters
        if counters is not None and counters.left < LOW:
            self._refill_from(counters)
            if self._held or counters.left < AT_ONCE:
                self._hold(octets)
                return
        self._take(octets)

    def _take(self, octets: bytes) -> None:
        try:
            events = self._connection.receive(octets)
            output = self._connection.take_output()
            if output:
                self._stream.write(output)
        except HeadendError as error:
            self._break(explain(self._meter, error))
            return
        if self._timed:
            self._mind_the_link()
        for event in events:
            self._hand(event)

    def _hand(self, event: ClientEvent) -> None:
        if type(event) in _UNASKED:
            self.notifications.append(event)  # type: ignore[arg-type]
            return
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            waiter(event)

    def _on_lost(self, fault: TransportError | None) -> None:
        if self._held:
            self._ended = (fault,)
            return
        try:
            for event in self._connection.receive_eof():
                self._hand(event)
            reason = "the meter closed the connection"
        except RemoteError as error:
            reason = str(error)
        self._break(NotReachable(f"meter {self._meter}: {reason if fault is None else fault}"))

    # Counters that run low while a long answer comes in

    def _refill_from(self, counters: ReservedCounters) -> None:
        if self._refill is None:
            self._refill = self._loop.create_task(counters.reserve())
            self._refill.add_done_callback(self._refilled)

    def _hold(self, octets: bytes) -> None:
        """What needs a counter to be answered waits until there are some; nothing is ever sent under a used one."""
        self._held += octets
        if len(self._held) > MOST_HELD:
            self._break(MeterMisbehaved(f"meter {self._meter}: sends without end"))

    def _refilled(self, refill: "asyncio.Task[None]") -> None:
        self._refill = None
        if refill.cancelled():
            return
        error = refill.exception()
        held, self._held = self._held, b""
        if error is not None:
            self._break(SessionError(f"meter {self._meter}: no invocation counters could be reserved: {error}"))
            return
        if held and self._fault is None:
            self._take(held)
        if self._ended is not None:
            self._on_lost(*self._ended)

    # Time, and the end

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _flush(self) -> None:
        output = self._connection.take_output()
        if output:
            try:
                self._stream.write(output)
            except TransportError as error:
                raise self._break(explain(self._meter, error)) from error
        if self._timed:
            self._mind_the_link()

    def _mind_the_link(self) -> None:
        if self._ask_again is not None:
            self._ask_again.cancel()
        waits = self._connection.waiting and self._fault is None
        self._ask_again = self._loop.call_later(ASK_AGAIN, self._on_silence) if waits else None

    def _on_silence(self) -> None:
        try:
            events = self._connection.timeout()
            self._flush()
        except HeadendError as error:
            self._break(explain(self._meter, error))
            return
        for event in events:
            self._hand(event)

    def _hurry(self, patience: float) -> None:
        self.due = due = min(self._end, self._loop.time() + patience)
        self._deadlines.look_at(due)

    def expire(self) -> None:
        """The time of this visit is over."""
        self._break(DeadlineExceeded(f"meter {self._meter}: no answer within the time of this visit"))

    def _break(self, fault: SessionError) -> SessionError:
        """The link is over, for the first reason given; whoever waits is told. Gives that reason back."""
        if self._fault is not None:
            return self._fault
        self._fault = fault
        self._deadlines.forget(self)
        if self._ask_again is not None:
            self._ask_again.cancel()
        if self._refill is not None:
            self._refill.cancel()
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter(fault)
        return fault
