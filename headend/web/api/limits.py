"""Calls a minute: of a token as it says, of an address without a token few."""

import math
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.exceptions import TooManyRequestsException
from litestar.handlers import BaseRouteHandler

from headend.web.security import Token, Visitor

#: Calls a minute without a token: the description, signed messages of payment systems, and typing errors.
_NOBODY: Final = 300


def guard_rate(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Count the call; 429 with Retry-After when it is one too many."""
    calls = connection.app.state.faces.calls
    caller: Visitor = connection.scope["state"]["visitor"]
    match caller.principal:
        case Token(id=number, per_minute=most):
            wait = calls.take(f"token:{number}", most)
        case _:
            host = connection.client.host if connection.client is not None else "unknown"
            wait = calls.take(f"address:{host}", _NOBODY)
    if wait:
        raise TooManyRequestsException(
            "more calls than the token allows; slow down", headers={"retry-after": str(math.ceil(wait))}
        )
