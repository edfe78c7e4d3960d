"""The REST API for other systems, /api/v1: tokens with scopes and limits, problem+json, cursors, idempotency keys."""

from litestar import Router

from headend.web.api import accounts, commands, description, events, fleet, messages, policy
from headend.web.api.limits import guard_rate

__all__ = ["api_router"]

_PARTS = (fleet, commands, accounts, events, policy, messages)


def api_router() -> Router:
    """Every route below /api/v1, and the document that describes them."""
    handlers = [handler for part in _PARTS for handler in part.ROUTES]
    return Router(
        "/api/v1",
        route_handlers=[*handlers, description.document],
        guards=[guard_rate],
        security=[{"token": []}],
    )
