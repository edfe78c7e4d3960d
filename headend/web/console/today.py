"""The first page: how the day goes, each number leading to its list."""

from typing import Final

from litestar import Response, get

from headend.web.faces import WebRequest
from headend.web.pages import page
from headend.web.security import Permission, needs


@get("/", opt=needs(Permission.VIEW))
async def today(request: WebRequest) -> Response[str]:
    """The day in numbers."""
    return page(request, "console/today.html")


ROUTES: Final = (today,)
