"""Lists for screens and other systems: sorted, filtered and paged in the database, bounded by an office.

What a list may be sorted and filtered by stands in `lists.py`; anything else that comes is refused, and every value
goes in as a parameter.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import Factory, define, frozen

from headend.errors import HeadendError
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.times import from_micros

#: Rows are counted so far; beyond it a person reads "more than".
COUNTED: Final = 10_000
#: The largest character: texts that begin with X lie between X and X followed by it.
_LAST: Final = "\U0010ffff"

Row = dict[str, Any]


class ListRefused(HeadendError):  # noqa: N818  an answer to a wrong question, not a fault
    """A list, a filter or a column to sort by that there is not."""

    exit_code = 2


@frozen
class Listing:
    """One list: its columns and where they come from, as SQL of ours.

    `source` is the table that has a row for each row of the list, `joins` the further ones by their alias, each after
    those that it stands on; a page is found with those joins alone that its conditions name. `key` is unique and
    orders what is otherwise equal; `office` bounds rows by office, None shows the list to the whole house alone;
    `search` is the condition of a typed text (`:q`, `:q_end`, `:q_like`), `search_digits` that of a text of digits,
    which is no name; `filters` conditions by name, each with its own value as a parameter of that name; `sorts` what
    may be sorted by.
    """

    source: str
    columns: Mapping[str, str]
    key: str
    office: str | None
    sorts: Mapping[str, str]
    sort: str
    filters: Mapping[str, str] = Factory(dict)
    joins: Mapping[str, str] = Factory(dict)
    search: str = ""
    search_digits: str = ""
    times: frozenset[str] = frozenset()
    descending: bool = False


@define(eq=False)
class Listings:
    """Every list by name. Raises ListRefused."""

    _readers: Readers
    lists: Mapping[str, Listing]

    async def page(
        self,
        name: str,
        *,
        office: str = "",
        filters: Mapping[str, str] | None = None,
        sort: str = "",
        offset: int = 0,
        limit: int = 50,
    ) -> tuple[list[Row], bool]:
        """One page, and whether there is more. `sort` is a column's name, with a `-` before it downwards."""
        listing = self._listing(name)
        where, values = _where(listing, office, filters or {})
        order = _order(listing, sort)
        # The keys of the page first: what is not needed to find them is joined for these rows alone.
        source = _source(listing, f"{where} {order}")
        keys = f"SELECT {listing.key} FROM {source} {where} ORDER BY {order} LIMIT :limit OFFSET :offset"  # noqa: S608
        statement = f"{_select(listing)} WHERE {listing.key} IN ({keys}) ORDER BY {order}"
        values |= {"limit": limit + 1, "offset": offset}
        rows = await self._readers.run(lambda connection: _rows(connection, listing, statement, values))
        return rows[:limit], len(rows) > limit

    async def after(
        self,
        name: str,
        *,
        office: str = "",
        filters: Mapping[str, str] | None = None,
        key: str | int | None,
        limit: int,
    ) -> tuple[list[Row], str | int | None]:
        """Rows by their key from the one after `key` (None: the first), and the key to go on with, None at the end."""
        listing = self._listing(name)
        where, values = _where(listing, office, filters or {})
        if key is not None:
            where = f"{where} AND {listing.key} > :after_key"
            values["after_key"] = key
        statement = f"{_select(listing)} {where} ORDER BY {listing.key} LIMIT :limit"
        values["limit"] = limit + 1
        rows = await self._readers.run(lambda connection: _rows(connection, listing, statement, values))
        more = len(rows) > limit
        rows = rows[:limit]
        return rows, rows[-1]["key"] if more else None

    async def count(self, name: str, *, office: str = "", filters: Mapping[str, str] | None = None) -> int:
        """How many rows there are; COUNTED + 1 stands for more."""
        listing = self._listing(name)
        where, values = _where(listing, office, filters or {})
        statement = f"SELECT count(*) FROM (SELECT 1 FROM {_source(listing, where)} {where} LIMIT {COUNTED + 1}) found"  # noqa: S608

        def query(connection: Connection) -> int:
            return int(connection.execute(statement, values).fetchone()[0])

        return await self._readers.run(query)

    async def one(self, name: str, key: str | int, *, office: str = "") -> Row | None:
        """The row of a key, None where there is none within the office."""
        listing = self._listing(name)
        where, values = _where(listing, office, {})
        statement = f"{_select(listing)} {where} AND {listing.key} = :the_key"
        values["the_key"] = key
        found = await self._readers.run(lambda connection: _rows(connection, listing, statement, values))
        return found[0] if found else None

    def _listing(self, name: str) -> Listing:
        try:
            return self.lists[name]
        except KeyError:
            raise ListRefused(f"there is no list {name!r}") from None


def in_office(column: str) -> str:
    """The condition that a column's office is `:office` or below it: one range of an index, and what it holds too much.

    An office whose name only begins like it (`Division 3 North`) lies in the range, but is not below it.
    """
    within = f"({column} = :office OR substr({column}, length(:office) + 1, 1) = '/')"
    return f"({column} >= :office AND {column} < :office || '0' AND {within})"


def _select(listing: Listing) -> str:
    columns = ", ".join(f"{expression} AS {name}" for name, expression in listing.columns.items())
    return f"SELECT {columns}, {listing.key} AS key FROM {_source(listing, None)}"  # noqa: S608  ours alone


def _source(listing: Listing, text: str | None) -> str:
    """The tables that a piece of SQL names, with those that these stand on; None: all of them."""
    if text is None:
        return " ".join([listing.source, *listing.joins.values()])
    needed: list[str] = []
    for alias, join in reversed(list(listing.joins.items())):
        # What is joined here, and what later joins need, by the alias before a point.
        if re.search(rf"\b{alias}\.", " ".join([text, *needed])):
            needed.append(join)
    return " ".join([listing.source, *reversed(needed)])


def _where(listing: Listing, office: str, filters: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    conditions, values = ["1 = 1"], dict[str, Any]()
    office = office.strip("/")
    if office:
        conditions.append("0" if listing.office is None else in_office(listing.office))
        values["office"] = office
    for name, value in filters.items():
        if name == "q" and listing.search:
            conditions.append(
                f"({listing.search_digits if value.isdecimal() and listing.search_digits else listing.search})"
            )
            values |= {"q": value, "q_end": value + _LAST, "q_like": f"%{_plain(value)}%"}
        elif name == "within":
            conditions.append(
                "1" if listing.office is None else in_office(listing.office).replace(":office", ":within")
            )
            values["within"] = value.strip("/")
        elif name in listing.filters:
            conditions.append(f"({listing.filters[name]})")
            if f":{name}" in listing.filters[name]:
                values[name] = value
        else:
            raise ListRefused(f"there is no filter {name!r} for this list")
    return f"WHERE {' AND '.join(conditions)}", values


def _order(listing: Listing, sort: str) -> str:
    name = sort.removeprefix("-") or listing.sort
    if name not in listing.sorts:
        raise ListRefused(f"this list can't be sorted by {name!r}; by {', '.join(listing.sorts)}")
    downwards = sort.startswith("-") if sort else listing.descending
    word = "DESC" if downwards else "ASC"
    expression = listing.sorts[name]
    return f"{expression} {word}" if expression == listing.key else f"{expression} {word}, {listing.key} {word}"


def _rows(connection: Connection, listing: Listing, statement: str, values: Mapping[str, Any]) -> list[Row]:
    names = [*listing.columns, "key"]
    return [_row(listing, names, row) for row in connection.execute(statement, values)]


def _row(listing: Listing, names: list[str], row: tuple[Any, ...]) -> Row:
    return {
        name: from_micros(value) if name in listing.times and value is not None else value
        for name, value in zip(names, row, strict=True)
    }


def _plain(text: str) -> str:
    return text.replace("%", "").replace("_", "")
