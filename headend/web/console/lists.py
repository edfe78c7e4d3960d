"""A page and a CSV for each list."""

from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from headend.web.console.tables import View, as_csv, show
from headend.web.console.views import PLAIN
from headend.web.faces import WebRequest
from headend.web.security import Permission, needs


def page_of(view: View) -> HTTPRouteHandler:
    """The page of a list."""

    @get(view.path.removeprefix("/console"), opt=needs(Permission.VIEW), name=f"list {view.listing}")
    async def handler(request: WebRequest) -> Response[Any]:
        return await show(request, view)

    return handler


def csv_of(view: View) -> HTTPRouteHandler:
    """The same list as CSV."""

    @get(f"{view.path.removeprefix('/console')}.csv", opt=needs(Permission.VIEW), name=f"csv {view.listing}")
    async def handler(request: WebRequest) -> Response[Any]:
        return await as_csv(request, view)

    return handler


ROUTES: Final = (*map(page_of, PLAIN), *map(csv_of, PLAIN))
