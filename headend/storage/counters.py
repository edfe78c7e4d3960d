"""Invocation counters (safety rules 9 and 10): given out in blocks that are durable before anybody sees them."""

from typing import Final

from attrs import define, field

from headend.errors import HeadendError
from headend.storage.inventory import meter_id
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.writer import Writer

#: A counter is 32 bits wide and must never wrap under one key (Green Book 9.2.3.3.7.3).
_END: Final = 1 << 32

#: So many times what is asked for a daemon takes from the database at once, for visits to come: most then write nothing
#: before they begin. What a daemon that ends has not given out is skipped.
AHEAD: Final = 8

#: After a restore nobody knows how many values were used since the backup: more than a meter sees in a year.
RESTORE_JUMP: Final = 1_000_000


class CounterExhausted(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """The counter of this key is used up; a new key is needed before another frame may be protected."""


@define(eq=False)
class Counters:
    """CounterStore on SQLite. `ahead` is for who holds the daemon's lock: nobody else visits, none is overtaken."""

    _writer: Writer
    _readers: Readers
    ahead: int = 1
    _kept: dict[tuple[str, str], range] = field(init=False, factory=dict)

    async def reserve(self, meter: str, role: str, count: int) -> range:
        """A block of `count` values never given before and never given again; raises CounterExhausted."""
        if count < 1:
            raise ValueError("a block holds at least one value")
        kept = self._kept.pop((meter, role), range(0))
        if len(kept) < count:
            ahead, token = self.ahead, self._writer.token
            # Calm: most visits of a round begin with it, and each that did not wait would be a transaction of its own.
            kept = await self._writer.run(
                lambda connection: _reserve(connection, meter, role, count, ahead, token), calm=True
            )
        block, left = kept[:count], kept[count:]
        # Where two have reserved at once, only the higher rest may be used after both: a meter wants rising counters.
        if left.start >= self._kept.get((meter, role), left).start and left:
            self._kept[meter, role] = left
        return block

    async def jump(self, meter: str, role: str, at_least: int) -> None:
        """The next reserved value becomes at least `at_least`; a lower value is ignored."""
        if not 0 <= at_least <= _END:
            raise ValueError("an invocation counter has 32 bits")
        await self._writer.run(lambda connection: _jump(connection, meter_id(connection, meter), role, at_least))
        kept = self._kept.pop((meter, role), range(0))
        if left := range(max(kept.start, at_least), kept.stop):
            self._kept[meter, role] = left

    async def received(self, meter: str, role: str) -> int:
        """The largest counter accepted from this meter under this key, -1 when there was none."""
        return await self._readers.look(lambda connection: _received(connection, meter, role))

    async def advance_received(self, meter: str, role: str, counter: int) -> None:
        """Remember a verified counter of the meter's; a lower value is ignored."""
        await self._writer.run(lambda connection: _advance(connection, meter, role, counter), calm=True)


def jump_all(connection: Connection, distance: int) -> None:
    """Move every counter ahead: what a restore needs, since values used after the backup are not in it."""
    connection.execute("UPDATE counters SET next = min(next + ?, ?)", (distance, _END))
    connection.execute(
        "INSERT INTO meta (name, value) VALUES ('first_counter', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (min(_first(connection) + distance, _END),),
    )


def forget_received(connection: Connection, meter: int, role: str) -> None:
    """A new key starts a new count at the meter; old frames no longer verify, so none can be replayed."""
    connection.execute("UPDATE counters SET received = -1 WHERE meter = ? AND role = ?", (meter, role))


def _reserve(connection: Connection, meter: str, role: str, count: int, ahead: int, token: int | None) -> range:
    row_id = meter_id(connection, meter)
    row = connection.execute("SELECT next FROM counters WHERE meter = ? AND role = ?", (row_id, role)).fetchone()
    first = max(_first(connection), 0 if row is None else int(row[0]))
    if first + count > _END:
        raise CounterExhausted(f"meter {meter}, role {role}: the invocation counter is used up; import a new key")
    block = range(first, min(first + count * ahead, _END))
    _jump(connection, row_id, role, block.stop, token)
    return block


def _first(connection: Connection) -> int:
    """Where a key that is new here starts: 1, since meters refuse 0, or beyond what a lost database used."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'first_counter'").fetchone()
    return 1 if row is None else int(row[0])


def _jump(connection: Connection, meter: int, role: str, at_least: int, token: int | None = None) -> None:
    connection.execute(
        "INSERT INTO counters (meter, role, next, token) VALUES (?, ?, ?, ?) ON CONFLICT (meter, role)"
        " DO UPDATE SET next = max(next, excluded.next), token = coalesce(excluded.token, token)",
        (meter, role, at_least, token),
    )


def _received(connection: Connection, meter: str, role: str) -> int:
    row = connection.execute(
        "SELECT received FROM counters WHERE meter = ? AND role = ?", (meter_id(connection, meter), role)
    ).fetchone()
    return -1 if row is None else int(row[0])


def _advance(connection: Connection, meter: str, role: str, counter: int) -> None:
    connection.execute(
        "INSERT INTO counters (meter, role, received) VALUES (?, ?, ?)"
        " ON CONFLICT (meter, role) DO UPDATE SET received = max(received, excluded.received)",
        (meter_id(connection, meter), role, counter),
    )
