"""Who is sending a command or a top-up: while that process lives, nobody else says what became of it."""

from typing import Final, Literal

from headend.storage.sqlite import Connection

#: A condition on `c` (commands): the process that sends it has not ended.
SENT_BY_LIVING: Final = "EXISTS (SELECT 1 FROM workers w WHERE w.token = c.sender AND w.ended_at IS NULL)"


def sent_by_another(
    connection: Connection, table: Literal["commands", "topups"], number: int, token: int | None
) -> tuple[int, int] | None:
    """Worker and process that send it, if they live and are not ours; None when its outcome is for us to tell."""
    row = connection.execute(
        f"SELECT w.worker, w.pid, w.token FROM {table} c JOIN workers w ON w.token = c.sender"  # noqa: S608  constants
        " WHERE c.id = ? AND w.ended_at IS NULL",
        (number,),
    ).fetchone()
    return None if row is None or row[2] == token else (row[0], row[1])
