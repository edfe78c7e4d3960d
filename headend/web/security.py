"""What a route asks for, and the guard that asks: a route that declares nothing does not start the application."""

from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler

from headend.commands.officers import Officer, Role

#: The key in a handler's `opt` that holds its Permission.
PERMISSION: Final = "permission"


class Permission(StrEnum):
    """What a route asks of whoever calls it."""

    PUBLIC = "public"
    CONSUMER = "consumer"
    VIEW = "view"
    OPERATE = "operate"
    APPROVE = "approve"
    ADMINISTER = "administer"
    #: Another system, with the scope that the route names.
    SYSTEM = "system"


#: The least role for what officers do.
LEAST_ROLE: Final = {
    Permission.VIEW: Role.VIEWER,
    Permission.OPERATE: Role.OPERATOR,
    Permission.APPROVE: Role.APPROVER,
    Permission.ADMINISTER: Role.ADMINISTRATOR,
}


@frozen
class Consumer:
    """A consumer who is logged in to the portal."""

    consumer_no: str


@frozen
class Token:
    """Another system, as it showed by its token: what it may, and for which offices."""

    id: int
    name: str
    scopes: frozenset[str]
    office: str
    per_minute: int


Principal = Officer | Consumer | Token | None


@frozen
class Visitor:
    """Whoever calls: the face they use, the cookie's token (empty: none came), and who they have shown to be."""

    face: str
    token: str = field(repr=False)
    principal: Principal = None
    #: The cookie is not there yet and goes out with the answer.
    fresh: bool = False


class UndeclaredRouteError(RuntimeError):
    """The application can't start: routes declare no permission."""


def needs(permission: Permission, scope: str = "") -> dict[str, Any]:
    """The `opt` of a handler: what it asks for; `scope` names what a token must hold."""
    return {PERMISSION: permission, "scope": scope}


def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Deny by default: 401 for nobody, 403 for the wrong one."""
    permission = handler.opt.get(PERMISSION)
    if permission is Permission.PUBLIC:
        return
    visitor: Visitor = connection.scope["state"]["visitor"]
    if not allowed(permission, handler.opt.get("scope", ""), visitor.principal):
        if visitor.principal is None:
            raise NotAuthorizedException("log in first")
        raise PermissionDeniedException("this is not yours to do")


def allowed(permission: object, scope: str, principal: Principal) -> bool:
    """Whether somebody may use a route."""
    match principal:
        case Officer(disabled=False, role=role):
            least = LEAST_ROLE.get(permission) if isinstance(permission, Permission) else None
            return least is not None and role.rank >= least.rank
        case Consumer():
            return permission is Permission.CONSUMER
        case Token(scopes=scopes):
            return permission is Permission.SYSTEM and scope in scopes
        case _:
            return False


def refuse_undeclared(routes: list[Any]) -> None:
    """Raise UndeclaredRouteError, naming every route without a permission."""
    bare = sorted(
        {
            f"{method} {route.path}"
            for route in routes
            for method, handler in _handlers(route)
            if not isinstance(handler.opt.get(PERMISSION), Permission)
        }
    )
    if bare:
        raise UndeclaredRouteError(f"routes without a declared permission: {', '.join(bare)}")


def _handlers(route: Any) -> list[tuple[str, BaseRouteHandler]]:  # noqa: ANN401  Litestar's routes have no common type
    """The handlers of a route, without the answers to OPTIONS that Litestar adds by itself."""
    methods = getattr(route, "route_handler_map", None)
    if methods is None:
        return [("*", route.route_handler)]
    return [(method, handler) for method, (handler, _) in methods.items() if method != "OPTIONS"]
