"""The officers' console."""

from litestar import Router

from headend.web.console.lists import ROUTES as LISTS
from headend.web.console.login import ROUTES as LOGIN
from headend.web.console.today import ROUTES as TODAY

__all__ = ["console_router"]


def console_router() -> Router:
    """Every route below /console."""
    return Router("/console", route_handlers=[*LOGIN, *TODAY, *LISTS], include_in_schema=False)
