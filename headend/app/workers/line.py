"""The line between the parent and a worker: a pair of sockets whose end tells each that the other is gone.

The worker says each second that its loop turns; the parent passes on that a meter has pushed. All else that they have
to tell each other is in the database, or is a signal.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

import msgspec
from attrs import define, field

#: What the worker says: its loop turns.
_BEAT = b"\n"


class Heard(msgspec.Struct, frozen=True):
    """A meter of the worker's shard has pushed: it is there, and `tasks` are to be done."""

    meter: str
    tasks: tuple[str, ...] = ()


@define(eq=False)
class ParentsEnd:
    """The parent's end of a line; `heard_from` is called at each beat of the worker's."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def of(cls, end: socket.socket) -> "ParentsEnd":
        """Over this socket, which is closed with it."""
        return cls(*await asyncio.open_unix_connection(sock=end))

    def say(self, heard: Heard) -> None:
        """Tell the worker; one that is going hears nothing, and finds what it needs in the database."""
        if not self.writer.is_closing():
            self.writer.write(msgspec.json.encode(heard) + b"\n")

    async def listen(self, heard_from: Callable[[], None]) -> None:
        """Until the worker is gone."""
        with suppress(OSError):
            while await self.reader.read(64):
                heard_from()

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


@define(eq=False)
class WorkersEnd:
    """The worker's end of a line."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _tasks: list["asyncio.Task[None]"] = field(init=False, factory=list)

    @classmethod
    async def of(cls, handle: int) -> "WorkersEnd":
        """Over the socket that the parent has left under this number."""
        return cls(*await asyncio.open_unix_connection(sock=socket.socket(fileno=handle)))

    def start(self, every_s: float, told: Callable[[Heard], None], parent_gone: Callable[[], None]) -> None:
        """Say all the time that the loop turns, and hear what the parent says."""
        self._tasks = [
            asyncio.create_task(self._beat(every_s), name="beat"),
            asyncio.create_task(self._listen(told, parent_gone), name="line"),
        ]

    async def stop(self) -> None:
        """Hang up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.writer.close()

    async def _beat(self, every_s: float) -> None:
        while not self.writer.is_closing():
            self.writer.write(_BEAT)
            await asyncio.sleep(every_s)

    async def _listen(self, told: Callable[[Heard], None], parent_gone: Callable[[], None]) -> None:
        with suppress(OSError):
            while line := await self.reader.readline():
                told(msgspec.json.decode(line, type=Heard))
        parent_gone()
