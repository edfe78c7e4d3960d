"""The daemon's lock: while it is held, one process visits the meters of this database."""

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from attrs import define, field

from headend.storage.errors import StorageError

#: More than any process id needs.
_LONGEST_PID: Final = 32
_LOOKS: Final = 5
_LOOK_S: Final = 0.02
#: How long workers may take to end after their parent was killed; they are killed with it.
_ORPHANS_S: Final = 5.0


class AlreadyRunning(StorageError):  # noqa: N818  an answer, not a fault
    """Another process holds the lock; `pid` is its process id, None when it can't be read."""

    def __init__(self, path: Path, pid: int | None) -> None:
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{path}: {who} already runs headend on this database; end it first, or use another database")
        self.pid = pid


@define(eq=False)
class DaemonLock:
    """Held from `acquire` to `release`, or to the end of the process, however it ends."""

    _handle: int = field(repr=False)

    @property
    def handle(self) -> int:
        """The open file: a process that inherits it holds the lock as well, until it ends."""
        return self._handle

    @classmethod
    def acquire(cls, database: Path) -> Self:
        """Take the lock beside `database`; raises AlreadyRunning."""
        path = lock_file(database)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StorageError(f"{path}: the lock can't be taken: {error.strerror}") from error
        if not _locked(handle) and not _orphaned(handle):
            pid = _read_pid(handle)
            os.close(handle)
            raise AlreadyRunning(database, pid)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        return cls(handle)

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would let two processes hold two locks."""
        if self._handle >= 0:
            os.ftruncate(self._handle, 0)
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def lock_file(database: Path) -> Path:
    """Where the lock of a database is."""
    return database.with_name(f"{database.name}.lock")


def holder(database: Path) -> int | None:
    """The process that holds the lock of a database, 0 when it can't be named, None when nobody does."""
    try:
        handle = os.open(lock_file(database), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with contextlib.closing(os.fdopen(handle, "rb")) as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_pid(stream.fileno()) or 0
    return None


def _locked(handle: int) -> bool:
    """Take the lock, looking again for a moment: `holder` has it shared while it looks."""
    for _ in range(_LOOKS):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(_LOOK_S)
    return False


def _orphaned(handle: int) -> bool:
    """Take the lock where only workers hold it whose parent was killed: they are about to end."""
    until = time.monotonic() + _ORPHANS_S
    while _is_gone(_read_pid(handle)) and time.monotonic() < until:
        if _locked(handle):
            return True
    return False


def _is_gone(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _read_pid(handle: int) -> int | None:
    text = os.pread(handle, _LONGEST_PID, 0).strip()
    return int(text) if text.isdigit() else None
