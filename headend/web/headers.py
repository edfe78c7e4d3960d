"""Headers of every answer: nothing from elsewhere, nothing inline, in nobody's frame."""

from typing import Final

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

from headend.web.security import Visitor
from headend.web.sessions import PORTAL, cookie

POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_EVERYWHERE: Final = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
}


async def add_headers(message: Message, scope: Scope) -> None:
    """Before an answer is sent: the headers, and the cookie of a browser that had none."""
    if message["type"] != "http.response.start":
        return
    headers = MutableScopeHeaders.from_message(message)
    for name, value in _EVERYWHERE.items():
        headers.setdefault(name, value)
    secure = scope["litestar_app"].state.faces.secure
    if secure:
        headers.setdefault("strict-transport-security", "max-age=31536000")
    caller = scope["state"].get("visitor")
    if isinstance(caller, Visitor) and caller.face:
        headers.setdefault("cache-control", "no-store" if caller.face != PORTAL else "private, no-store")
        if caller.fresh and caller.face != "api":
            headers.add("set-cookie", cookie(caller.face, caller.token, secure=secure).to_header(header=""))
