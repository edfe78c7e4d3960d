"""The connections of meters that called us: each is lent to one visit after the other for as long as it stands."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Final

from headend.dlms.errors import DecodeError
from headend.session.errors import AssociationRefused, MeterMisbehaved, SecurityBreach, WrongMeter
from headend.session.pushstream import PushStream
from headend.session.session import Session
from headend.transport.address import Address
from headend.transport.errors import TransportError, Unreachable
from headend.transport.stream import Stream

#: Connections kept for one meter: the newest, and the one before it, in case the newest is somebody else's.
MOST_KEPT: Final = 2

#: An APDU that a meter sent between visits, on its own connection: serial, the APDU, where it came from.
OnPush = Callable[[str, bytes, str], None]


class Switchboard:
    """Lends connections by the serial in a `dial-in:` address; `on_push` gets what a meter says between visits."""

    def __init__(self, on_push: OnPush | None = None) -> None:
        self.on_push = on_push
        self._standing: dict[str, list[_Standing]] = {}

    def __len__(self) -> int:
        """How many meters stand connected."""
        return len(self._standing)

    def standing(self, serial: str) -> int:
        """How many connections stand of those who say that they are this meter."""
        return len(self._standing.get(serial, ()))

    def plug_in(self, serial: str, stream: Stream) -> None:
        """A meter called. Its newest connection is the one that visits use; more than `MOST_KEPT` are not kept."""
        line = _Standing(self, serial, stream)
        lines = self._standing.setdefault(serial, [])
        free = [each for each in lines if not each.lent]
        lines.append(line)
        for oldest in free[: len(lines) - MOST_KEPT]:
            oldest.end()
        line.listen()

    def lend(self, address: Address, deadline: float | None = None) -> AbstractAsyncContextManager[Stream]:
        """The newest free connection of the meter named in `address`, for one visit; Unreachable where none stands."""
        del deadline  # Nothing is waited for: a meter is connected or it is not.
        return _Lent(self, address.device)

    def close(self) -> None:
        """Hang up on everybody."""
        for lines in list(self._standing.values()):
            for line in list(lines):
                line.end()

    def take(self, serial: str) -> "_Standing":
        """A free connection, now lent. Raises Unreachable."""
        lines = self._standing.get(serial)
        if not lines:
            raise Unreachable("the meter calls us, and no call of it stands")
        for line in reversed(lines):
            if not line.lent and line.take():
                return line
        raise Unreachable("the meter's own call is in use or in the middle of a push")

    def demote(self, line: "_Standing") -> None:
        """What went over a connection failed: any other of the same meter is used before it."""
        lines = self._standing.get(line.serial, [])
        if line in lines:
            lines.remove(line)
            lines.insert(0, line)

    def dropped(self, line: "_Standing") -> None:
        """A connection is over."""
        lines = self._standing.get(line.serial)
        if lines is not None and line in lines:
            lines.remove(line)
            if not lines:
                del self._standing[line.serial]


class _Standing:
    """One connection: with a visit, or listening for pushes."""

    __slots__ = ("_board", "_pushes", "lent", "serial", "stream")

    def __init__(self, board: Switchboard, serial: str, stream: Stream) -> None:
        self._board = board
        self.serial = serial
        self.stream = stream
        self.lent = False
        self._pushes = PushStream()

    def listen(self) -> None:
        """Wait for the next visit, hearing what the meter says by itself."""
        self.lent = False
        if self.stream.ended:
            self._board.dropped(self)
            return
        self.stream.attach(self._on_data, self._on_lost)

    def take(self) -> bool:
        """Leave the stream to a visit; False in the middle of a push, whose rest would be taken for an answer."""
        if self._pushes.pending or self.stream.ended:
            return False
        self.stream.detach()
        self.lent = True
        return True

    def end(self) -> None:
        """Hang up."""
        self._board.dropped(self)
        self.stream.close()

    def _on_data(self, octets: bytes) -> None:
        try:
            apdus = self._pushes.feed(octets)
        except DecodeError:
            self.end()
            return
        if self._board.on_push is not None:
            for apdu in apdus:
                self._board.on_push(self.serial, apdu, self.stream.place)

    def _on_lost(self, _: TransportError | None) -> None:
        self._board.dropped(self)


class _Lent(AbstractAsyncContextManager[Stream]):
    __slots__ = ("_board", "_line", "_serial")

    def __init__(self, board: Switchboard, serial: str) -> None:
        self._board = board
        self._serial = serial
        self._line: _Standing | None = None

    async def __aenter__(self) -> Stream:
        self._line = self._board.take(self._serial)
        return self._line.stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        line, self._line = self._line, None
        if line is None:
            return
        if kind is not None and issubclass(kind, WrongMeter):
            line.end()
            return
        if kind is not None:
            self._board.demote(line)
        line.listen()


class VisitOverCalls(AbstractAsyncContextManager[Session]):
    """A visit to a meter that calls: where who is at the other end can't prove it, its other connection is tried.

    So nobody who calls in a meter's name keeps the meter itself out. `visit` makes a visit over whatever is lent.
    """

    __slots__ = ("_board", "_serial", "_visit", "_visiting")

    def __init__(
        self, board: Switchboard, serial: str, visit: Callable[[], AbstractAsyncContextManager[Session]]
    ) -> None:
        self._board = board
        self._serial = serial
        self._visit = visit
        self._visiting: AbstractAsyncContextManager[Session] | None = None

    async def __aenter__(self) -> Session:
        for _ in range(self._board.standing(self._serial) - 1):
            try:
                return await self._enter()
            except (AssociationRefused, SecurityBreach, MeterMisbehaved, WrongMeter):
                continue
        return await self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._visiting is not None
        await self._visiting.__aexit__(kind, error, traceback)

    async def _enter(self) -> Session:
        self._visiting = self._visit()
        return await self._visiting.__aenter__()
