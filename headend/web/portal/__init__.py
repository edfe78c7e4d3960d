"""The consumers' portal: Hindi first, for a cheap phone on a slow network, usable without script."""

from litestar import Router
from litestar.exceptions import HTTPException

from headend.errors import HeadendError
from headend.web.portal import account, doors, gateways, ownership, recharging
from headend.web.portal.desk import DESK, Desk, DoorRules
from headend.web.portal.gateways import gateway_router
from headend.web.portal.sandbox import Sandbox
from headend.web.portal.showing import refused, refused_by_rule

__all__ = ["Desk", "DoorRules", "Sandbox", "gateway_router", "portal_router"]


def portal_router(desk: Desk) -> Router:
    """The portal on its ports."""
    handlers = [
        *account.ROUTES,
        *doors.ROUTES,
        *recharging.ROUTES,
        *gateways.ROUTES,
        *ownership.ROUTES,
    ]
    return Router(
        "/portal",
        route_handlers=handlers,
        opt={DESK: lambda: desk},
        exception_handlers={HTTPException: refused, HeadendError: refused_by_rule},
        include_in_schema=False,
    )
