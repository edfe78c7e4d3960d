"""The one writer: a thread that runs units of work in transactions and answers only when they are on disk.

Group commit: whatever is asked for while a commit runs waits in a queue and shares the next transaction. Each unit has
a savepoint, so that one that fails takes nothing else with it, and its caller is told after the commit, when the state
that made it fail is durable too. A `calm` unit, of which a round has one a meter, goes without, since savepoints cost
as much as the rows of a visit: while only calm units have run, one that fails has the transaction rolled back and all
of them run again, each with its savepoint. Calm units are also worth a moment's wait, in which others join the commit;
anything else ends that wait at once. They wait in the loop that asks, since each waking of the thread costs both more
than most units do. A failure of the disk stops the writer for good (safety rule 14): after a failed sync nobody knows
what the disk holds, so only a fresh start, which reads it back, may go on.

Several processes may write. SQLite lets one in at a time, but has no queue: a busy process would starve the others. So
whoever wants to write first holds the turnstile, a lock file, until SQLite has let it in.
"""

import asyncio
import contextlib
import fcntl
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import define, field
from sqlite_utils import Database

from headend.errors import HeadendError
from headend.scheduler.engine import LeaseLost
from headend.storage.audit import witnessed
from headend.storage.errors import StorageError
from headend.storage.sqlite import BUSY, CORRUPT, IOERR, NOTADB, Connection, SqliteError, primary_code, translate

T = TypeVar("T")
Unit = Callable[[Connection], T]

#: One transaction takes at most so many units and goes on for at most so long, so that nobody waits for ever.
_MOST_UNITS: Final = 500
_LONGEST_S: Final = 0.1

#: How long calm units wait for more of them: next to nothing for a visit, fewer syncs and wakings for a round.
_CALM_S: Final = 0.01
#: With so many calm units in it, a transaction gains little by waiting.
_CALM_ENOUGH: Final = 64

#: So long a process waits for the transaction of another; the longest is an import of some hundred thousand lines.
_PATIENCE_S: Final = 600.0
#: How often it looks: the turnstile leaves one process looking, so this costs nothing and keeps a recharge quick.
_LOOK_S: Final = 0.001
#: Fairness is given up, safety never: a stopped process may hold the turnstile.
_TURNSTILE_PATIENCE_S: Final = 5.0

#: Looks, within a transaction that was begun, whether the token of this process still stands; raises if not.
Guard = Callable[[Connection, int], None]

#: After these, what is on disk is not known.
_STOPPING: Final = frozenset({IOERR, CORRUPT, NOTADB})


@define(eq=False)
class _Job:
    unit: Unit[Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    calm: bool = False
    result: Any = None
    error: BaseException | None = None

    def answer(self) -> None:
        if self.future.cancelled():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


@define(eq=False)
class _Calm:
    """The calm units of one loop that wait for others, and what will end their wait."""

    jobs: list[_Job] = field(factory=list)
    timer: asyncio.TimerHandle | None = None

    def take(self) -> list[_Job]:
        jobs, self.jobs = self.jobs, []
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        return jobs


@define(eq=False)
class Writer:
    """Runs units of work on the writing connection; `run` from any task, `close` once."""

    database: Database
    path: Path
    _queue: "queue.SimpleQueue[list[_Job] | None]" = field(factory=queue.SimpleQueue, init=False)
    _calm: dict[asyncio.AbstractEventLoop, _Calm] = field(factory=dict, init=False)
    _asked: int = field(default=0, init=False)
    _begun: int = field(default=0, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _stopped: StorageError | None = field(default=None, init=False)
    _turnstile: int = field(default=-1, init=False)
    _closing: bool = field(default=False, init=False)
    #: Under which this process works; None for a command by hand.
    token: int | None = field(default=None, init=False)
    _guard: Guard | None = field(default=None, init=False)

    def work_under(self, token: int, guard: Guard) -> None:
        """From now on no transaction is made that `guard` does not let this token make."""
        self._guard, self.token = guard, token

    def start(self) -> None:
        """Start the thread; raises StorageError when the turnstile can't be made beside the database."""
        self._turnstile = _open_turnstile(Path(f"{self.path}.turn"))
        self.database.conn.execute("PRAGMA busy_timeout = 0")
        self._thread = threading.Thread(target=self._work, name="headend-writer", daemon=True)
        self._thread.start()

    @property
    def stopped(self) -> StorageError | None:
        """Why nothing more is written until a fresh start; None while all is well."""
        return self._stopped

    @property
    def waiting(self) -> int:
        """Units of work that are asked for and not begun yet."""
        return max(0, self._asked - self._begun)

    async def run(self, unit: Unit[T], *, calm: bool = False) -> T:
        """Run `unit` in a transaction; its result, once that is durable. Its error, or StorageError, when it is not.

        A calm unit may be run twice (it changes nothing but rows) and nobody waits for it to the millisecond.
        """
        if self._closing:
            raise StorageError(f"{self.path}: the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        told = witnessed(unit)
        # A deed of a person is noted once, so what writes it is not run twice.
        self._ask(_Job(told, future, loop, calm and told is unit))
        return await future

    async def close(self) -> None:
        """Finish what is queued, then end the thread and close the connection."""
        if await self._end():
            self.database.close()
            os.close(self._turnstile)

    async def _end(self) -> bool:
        """Let the thread finish what was asked for; False where it has ended, or never began."""
        if self._closing or self._thread is None:
            return False
        self._closing = True
        for loop in tuple(self._calm):
            self._hand_over(loop)
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        return True

    def _ask(self, job: _Job) -> None:
        """Hand a unit to the thread: with those that wait, at once if it is not calm."""
        loop = job.loop
        self._asked += 1
        calm = self._calm.get(loop)
        if calm is None:
            calm = self._calm[loop] = _Calm()
        calm.jobs.append(job)
        if not job.calm or len(calm.jobs) >= _CALM_ENOUGH:
            self._hand_over(loop)
        elif calm.timer is None:
            calm.timer = loop.call_later(_CALM_S, self._hand_over, loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        jobs = self._calm.pop(loop).take() if loop in self._calm else []
        if jobs:
            self._queue.put(jobs)

    def _work(self) -> None:
        ending = False
        while not ending:
            jobs = self._queue.get()
            if jobs is None:
                break
            ending = self._transaction(jobs)

    def _transaction(self, first: list[_Job]) -> bool:
        """One transaction for `first` and whatever else waits; True when the end of the queue was met."""
        waiting: deque[_Job] = deque(first)
        jobs: list[_Job] = []
        ending = False
        try:
            self._refuse_when_stopped()
            self._begin()
            self._look_at_token()
            ending = self._run_units(waiting, jobs)
            self.database.conn.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  whatever it is, each caller must be answered
            jobs += waiting
            self._begun += len(waiting)
            self._fail(jobs, error)
        _answer(jobs)
        return ending

    def _run_units(self, waiting: "deque[_Job]", jobs: list[_Job]) -> bool:
        """Run what waits, noting it in `jobs`, then what came meanwhile; True when the end of the queue was met."""
        connection = self.database.conn
        started = time.monotonic()
        plain = True
        while waiting or not jobs or (len(jobs) < _MOST_UNITS and time.monotonic() - started < _LONGEST_S):
            if not waiting:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    return False
                if more is None:
                    return True
                waiting.extend(more)
            self._begun += 1
            jobs.append(waiting.popleft())
            plain = self._run_next(connection, jobs, plain=plain)
        return False

    def _run_next(self, connection: Connection, jobs: list[_Job], *, plain: bool) -> bool:
        """Run the last of `jobs`; whether still none of them has a savepoint."""
        job = jobs[-1]
        if not (plain and job.calm):
            self._run_unit(connection, job)
            return False
        try:
            if not job.future.cancelled():
                job.result = job.unit(connection)
        except Exception as error:
            if isinstance(error, SqliteError) and primary_code(error) in _STOPPING:
                raise
            self._run_again(connection, jobs)
            return False
        return True

    def _run_unit(self, connection: Connection, job: _Job) -> None:
        if job.future.cancelled():
            return
        connection.execute("SAVEPOINT unit")
        try:
            job.result = job.unit(connection)
        except SqliteError as error:
            if primary_code(error) in _STOPPING or not connection.in_transaction:
                raise  # SQLite has given up the transaction: nothing of it stands
            job.error = translate(error, self.path)
            job.error.__cause__ = error
        except Exception as error:  # noqa: BLE001  it belongs to the caller
            job.error = error
        if job.error is not None:
            job.result = None
            connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")

    def _run_again(self, connection: Connection, jobs: list[_Job]) -> None:
        """Roll back what calm units have written and run them anew: the one that fails takes nothing with it."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        self._begin()
        self._look_at_token()
        for job in jobs:
            job.result = None
            self._run_unit(connection, job)

    def _look_at_token(self) -> None:
        if self._guard is not None and self.token is not None:
            self._guard(self.database.conn, self.token)

    def _begin(self) -> None:
        with self._turn():
            deadline = time.monotonic() + _PATIENCE_S
            while True:
                try:
                    self.database.conn.execute("BEGIN IMMEDIATE")
                except SqliteError as error:
                    if primary_code(error) != BUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(_LOOK_S)
                else:
                    return

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        held = self._take_turn()
        try:
            yield
        finally:
            if held:
                fcntl.flock(self._turnstile, fcntl.LOCK_UN)

    def _take_turn(self) -> bool:
        deadline = time.monotonic() + _TURNSTILE_PATIENCE_S
        while time.monotonic() < deadline:
            try:
                fcntl.flock(self._turnstile, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOOK_S)
            else:
                return True
        return False

    def _refuse_when_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    def _fail(self, jobs: list[_Job], error: Exception) -> None:
        failure = error if isinstance(error, HeadendError) else translate(error, self.path)
        if isinstance(error, LeaseLost):
            # Whoever has its place goes on; this process can do nothing more.
            self._stopped = StorageError(f"{self.path}: {error}")
        elif primary_code(error) in _STOPPING:
            self._stopped = StorageError(f"{failure}; no more is written until headend is started again")
            failure = self._stopped
        for job in jobs:
            job.result, job.error = None, StorageError(str(failure))
            job.error.__cause__ = error
        with contextlib.suppress(SqliteError):
            self.database.rollback()


def _open_turnstile(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        way_out = "check the owner and mode of the file and its folder, and the mount"
        raise StorageError(f"{path}: {error.strerror}: {way_out}") from error


def _answer(jobs: list[_Job]) -> None:
    """Hand the results to the loops that wait for them, one call a loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, theirs in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended; nobody waits any more
            loop.call_soon_threadsafe(_answer_each, theirs)


def _answer_each(jobs: list[_Job]) -> None:
    for job in jobs:
        job.answer()
