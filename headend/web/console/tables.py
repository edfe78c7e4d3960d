"""One kind of list page: sorted, filtered and paged on the server, with its state in the address, and as CSV."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from attrs import Factory, frozen
from litestar import Response
from litestar.exceptions import ValidationException

from headend.web.csvtext import csv_text
from headend.web.faces import WebRequest, faces, officer
from headend.web.look import INDIA
from headend.web.pages import page

#: Rows of a page: a screen and a half.
_ROWS: Final = 50
#: Rows of a CSV; more is for the API, which goes on where it ended.
_CSV_ROWS: Final = 50_000
_CSV_PIECE: Final = 5_000


@frozen
class Column:
    """A column of a list: `kind` says how it is shown (text, meter, consumer, money, moment, state, …)."""

    name: str
    title: str
    kind: str = "text"
    sortable: bool = False


@frozen
class Choice:
    """A filter: one name of the list, or one of several, each shown in words."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    #: The value that holds when the address names none.
    first: str = ""


@frozen
class View:
    """A list as a page: `listing` in the store; `flags` filters that are on or off, chosen as one (`show`)."""

    listing: str
    title: str
    path: str
    columns: Sequence[Column]
    search: str = ""
    flags: Choice | None = None
    choices: Sequence[Choice] = ()
    #: Further filters that links use: a meter, a consumer.
    given: Sequence[str] = ()
    #: Whether it is bounded by a first and a last day (filters `from` and `to` of the list).
    days: bool = False
    empty: str = "Nothing here."
    #: Addresses of lists beside this one, with their names.
    beside: Sequence[tuple[str, str]] = ()
    extra: Mapping[str, Any] = Factory(dict)


async def show(request: WebRequest, view: View, template: str = "console/list.html", **context: Any) -> Response[str]:  # noqa: ANN401
    """The page of a list."""
    ports, root = faces(request), officer(request).office
    query = dict(request.query_params.items())
    number = _page_number(query)
    filters, sort = filters_of(view, query, ports.now()), query.get("sort", "")
    rows, more = await ports.listings.page(
        view.listing, office=root, filters=filters, sort=sort, offset=(number - 1) * _ROWS, limit=_ROWS
    )
    total = await ports.listings.count(view.listing, office=root, filters=filters) if number > 1 or more else len(rows)
    offices = await ports.records.offices(root)
    return page(
        request, template, view=view, rows=rows, more=more, number=number, total=total, offices=offices, **context
    )


async def as_csv(request: WebRequest, view: View) -> Response[str]:
    """The same list as CSV, all its rows."""
    ports, root = faces(request), officer(request).office
    query = dict(request.query_params.items())
    filters, sort = filters_of(view, query, ports.now()), query.get("sort", "")
    lines: list[Sequence[Any]] = [[column.title for column in view.columns]]
    more, offset = True, 0
    while more and offset < _CSV_ROWS:
        rows, more = await ports.listings.page(
            view.listing, office=root, filters=filters, sort=sort, offset=offset, limit=_CSV_PIECE
        )
        lines += [[_cell(row[column.name], column.kind) for column in view.columns] for row in rows]
        offset += _CSV_PIECE
    name = f"{view.listing}-{ports.now():%Y%m%d-%H%M}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(csv_text(lines), media_type="text/csv; charset=utf-8", headers=headers)


def filters_of(view: View, query: Mapping[str, str], now: datetime) -> dict[str, str]:
    """The filters that an address names; what the page does not know is left out."""
    found = {name: query[name][:200] for name in ("within", *view.given) if query.get(name)}
    if view.search and query.get("q"):
        found["q"] = query["q"].strip()[:100]
    for choice in view.choices:
        value = query.get(choice.name, choice.first)
        if value and value in dict(choice.options):
            found[choice.name] = value
    if view.days:
        found |= _days(query)
    if view.flags is not None:
        flag = query.get("show", view.flags.first)
        if flag and flag in dict(view.flags.options):
            found[flag] = str(int((now.timestamp() - 86_400) * 1_000_000))
    return found


def _days(query: Mapping[str, str]) -> dict[str, str]:
    """The days that an address names, from midnight to midnight in India, as the store counts time."""
    found = {}
    for name, later in (("from", 0), ("to", 1)):
        text = query.get(name, "")
        if not text:
            continue
        try:
            day = date.fromisoformat(text)
        except ValueError as error:
            raise ValidationException(f"{name}: a day such as 2026-11-24 is expected") from error
        at = datetime.combine(day, time(), INDIA).timestamp() + later * 86_400
        found[name] = str(int(at * 1_000_000))
    return found


def _page_number(query: Mapping[str, str]) -> int:
    text = query.get("page", "1")
    if not text.isdecimal() or not 1 <= len(text) <= 6:
        raise ValidationException("page: a number from 1 is expected")
    return max(int(text), 1)


def _cell(value: Any, kind: str) -> Any:  # noqa: ANN401  any value of a list
    match value:
        case datetime():
            return value.astimezone(INDIA).isoformat(timespec="seconds")
        case int() if kind == "money":
            return Decimal(value) / 100
        case int() if kind == "supply":
            return "on" if value else "off"
        case _:
            return value
