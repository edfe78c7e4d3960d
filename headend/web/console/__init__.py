"""The officers' console."""

from litestar import Router

from headend.web.console import accounts, administration, commands, cuts, duties, lists, login, meters, today

__all__ = ["console_router"]

_PARTS = (login, today, lists, meters, commands, cuts, accounts, duties, administration)


def console_router() -> Router:
    """Every route below /console."""
    handlers = [handler for part in _PARTS for handler in part.ROUTES]
    return Router("/console", route_handlers=handlers, include_in_schema=False)
