"""What PostgreSQL or the way to it says when something fails, as a person needs it."""

from typing import Final

import asyncpg

from headend.storage.errors import StorageError

#: Everything that a statement or a connection may raise.
FAULTS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

_GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.InterfaceError,
    OSError,
    TimeoutError,
)


class DatabaseGone(StorageError):  # noqa: N818  it comes back
    """PostgreSQL can't be reached now; what was under way was not written, or nobody knows."""


def told(error: BaseException) -> StorageError:
    """The error with the way out."""
    if isinstance(error, _GONE):
        return DatabaseGone(f"PostgreSQL: {_said(error)}: check that the server runs and that store.url leads to it")
    if isinstance(error, asyncpg.InvalidAuthorizationSpecificationError | asyncpg.InvalidCatalogNameError):
        return StorageError(f"PostgreSQL: {_said(error)}: check user, password and database of store.url")
    if isinstance(error, asyncpg.DiskFullError):
        return StorageError(f"PostgreSQL: {_said(error)}: free space on the server, then try again")
    return StorageError(f"PostgreSQL: {_said(error)}")


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
