"""What a consumer looks at: the account as it stands, use, the statement, messages."""

import re
from datetime import date, datetime
from typing import Final

from litestar import Response, get

from headend.web.faces import WebRequest
from headend.web.look import INDIA
from headend.web.portal.desk import desk_of
from headend.web.portal.doors import door
from headend.web.portal.pictures import bars
from headend.web.portal.showing import consumer_of, consumer_or_nobody, show
from headend.web.portal.standing import standing
from headend.web.security import Permission, needs

_CONSUMER: Final = needs(Permission.CONSUMER)
_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@get("/", opt=needs(Permission.PUBLIC))
async def first_page(request: WebRequest) -> Response[str]:
    """How the account stands; the door for somebody who is not in."""
    number = consumer_or_nobody(request)
    if number is None:
        return door(request)
    desk = desk_of(request)
    view = await desk.accounts.view(number, desk.now())
    notices = await desk.accounts.notices(number, 3)
    stands = standing(view, desk.policy_of(view))
    return show(request, "home.html", account=view.facts.account, standing=stands, notices=notices)


@get("/supply", opt=_CONSUMER)
async def supply(request: WebRequest) -> Response[str]:
    """The part of the first page that changes while supply returns."""
    desk = desk_of(request)
    view = await desk.accounts.view(consumer_of(request), desk.now())
    return show(request, "supply.html", standing=standing(view, desk.policy_of(view)))


@get("/use", opt=_CONSUMER)
async def use(request: WebRequest) -> Response[str]:
    """Use by day and by month, as a picture and as a table."""
    desk, number = desk_of(request), consumer_of(request)
    month = asked_month(request, desk.now())
    days = await desk.statements.by_day(number, month)
    months = await desk.statements.by_month(number, month)
    return show(
        request,
        "use.html",
        month=month,
        earlier=before(month),
        later=after(month, desk.now()),
        days=days,
        months=months,
        day_bars=bars(days, "day"),
        month_bars=bars(months, "month"),
    )


@get("/account", opt=_CONSUMER)
async def account(request: WebRequest) -> Response[str]:
    """How the balance came about, line by line."""
    desk, number = desk_of(request), consumer_of(request)
    month = asked_month(request, desk.now())
    statement = await desk.statements.statement(number, month)
    later = after(month, desk.now())
    earlier = before(month) if statement.earlier else None
    return show(request, "account.html", statement=statement, month=month, earlier=earlier, later=later)


@get("/messages", opt=_CONSUMER)
async def messages(request: WebRequest) -> Response[str]:
    """Everything the consumer was told. A message on the screen has arrived."""
    desk, number = desk_of(request), consumer_of(request)
    notices = await desk.accounts.notices(number, 50)
    for each in notices:
        if each.delivered_at is None:
            await desk.inbox.read(number, each.id)
    return show(request, "messages.html", notices=notices)


def asked_month(request: WebRequest, now: datetime) -> date:
    """The month of the address, as `2026-11`; this month where there is none or it makes no sense."""
    today = now.astimezone(INDIA).date().replace(day=1)
    found = _MONTH.fullmatch(request.query_params.get("month", ""))
    asked = today if found is None else date(int(found[1]), int(found[2]), 1)
    return min(asked, today)


def before(month: date) -> date:
    """The month before."""
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def after(month: date, now: datetime) -> date | None:
    """The month after, None where that has not begun."""
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return following if following <= now.astimezone(INDIA).date() else None


ROUTES: Final = (first_page, supply, use, account, messages)
