"""The officers' console."""

from litestar import Router

from headend.web.console import (
    accounts,
    administration,
    calendar,
    commands,
    cuts,
    duties,
    frames,
    lists,
    login,
    meters,
    protections,
    today,
    work,
)

__all__ = ["console_router"]

_PARTS = (
    login,
    today,
    lists,
    meters,
    frames,
    commands,
    cuts,
    calendar,
    protections,
    accounts,
    work,
    duties,
    administration,
)


def console_router() -> Router:
    """Every route below /console."""
    handlers = [handler for part in _PARTS for handler in part.ROUTES]
    return Router("/console", route_handlers=handlers, include_in_schema=False)
