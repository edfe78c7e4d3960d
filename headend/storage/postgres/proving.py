"""Proof that two stores hold the same: counts, sums of numbers and lengths of all else, column by column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from attrs import frozen

from headend.storage.errors import StorageError
from headend.storage.postgres.connection import Cursor, PostgresConnection
from headend.storage.sqlite import Connection

if TYPE_CHECKING:
    import sqlite3

_PRIME: Final = 1_000_003


@frozen
class Table:
    """A table that is moved: its columns, those of its key, and how many rows it has."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    rows: int


def prove(source: Connection, target: PostgresConnection, tables: Sequence[Table]) -> None:
    """Counts, sums of numbers and lengths of everything else are the same on both sides, column by column."""
    for table in tables:
        here, there = _here(source, table), _there(target, table)
        if here != there:
            raise StorageError(
                f"PostgreSQL: table {table.name} differs from the source (count and sums {here} there {there});"
                " nothing was changed in the source; run again with --restart"
            )


def _here(source: Connection, table: Table) -> list[int]:
    return _summed(source.execute(_statement(table, [_embedded_sums(column) for column in table.columns])))


def _there(target: PostgresConnection, table: Table) -> list[int]:
    kinds = _kinds(target, table.name)
    return _summed(target.execute(_statement(table, [_postgres_sums(name, kinds[name]) for name in table.columns])))


def _statement(table: Table, sums: Sequence[tuple[str, str]]) -> str:
    """Of every column the values that are there; of whole numbers their sum, of texts the octets."""
    counts = [f'count("{column}")' for column in table.columns]
    return f'SELECT {", ".join(["count(*)", *counts, *(term for pair in sums for term in pair)])} FROM "{table.name}"'  # noqa: S608


def _summed(cursor: "sqlite3.Cursor | Cursor") -> list[int]:
    return [int(value or 0) for value in cursor.fetchone()]


def _embedded_sums(column: str) -> tuple[str, str]:
    # Quotients and rests by a prime, since the sum of 64-bit times overflows.
    name = f'"{column}"'
    whole = f"CASE WHEN typeof({name}) = 'integer' THEN {name} END"
    held = (
        f"CASE typeof({name}) WHEN 'text' THEN length(CAST({name} AS BLOB)) WHEN 'blob' THEN length({name})"
        f" WHEN 'integer' THEN {name} % {_PRIME} END"
    )
    return f"sum(({whole}) / {_PRIME})", f"sum({held})"


def _postgres_sums(column: str, kind: str) -> tuple[str, str]:
    name = f'"{column}"'
    if kind in ("int8", "int4"):
        return f"sum({name} / {_PRIME})", f"sum({name} % {_PRIME})"
    if kind in ("text", "bytea"):
        return "0", f"sum(octet_length({name}))"
    if kind == "jsonb":
        whole = f"CASE WHEN {name}::text ~ '^-?[0-9]+$' THEN ({name}::text)::bigint END"
        held = (
            f"CASE WHEN jsonb_typeof({name}) = 'string' THEN octet_length({name} #>> '{{}}')"
            f" WHEN jsonb_typeof({name}) = 'object'"
            f" THEN octet_length(coalesce({name} ->> 'octets', {name} ->> 'text')) / 2"
            f" ELSE ({whole}) % {_PRIME} END"
        )
        return f"sum(({whole}) / {_PRIME})", f"sum({held})"
    return "0", "0"


def _kinds(target: PostgresConnection, table: str) -> dict[str, str]:
    rows = target.execute(
        "SELECT column_name::text, udt_name::text FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name = ?",
        (table,),
    )
    return dict(rows.fetchall())
