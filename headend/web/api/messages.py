"""Messages of other systems in their own forms: signed payments, and IEC 61968-9."""

from typing import Any, Final

from litestar import Response, post
from litestar.exceptions import PermissionDeniedException

from headend.web.api.routes import CHANGE, api_actor
from headend.web.faces import WebRequest, faces
from headend.web.security import Permission, needs


@post("/payments", opt=needs(Permission.PUBLIC), status_code=200, responses=CHANGE)
async def payments(request: WebRequest) -> Response[Any]:
    """Payments of a gateway, shown to be its own by their signature; each is booked once."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    status, body = await faces(request).exchange.payments(headers, await request.body())
    return Response(body, status_code=status, media_type="application/json")


@post("/cim", opt=needs(Permission.SYSTEM, "cim"), status_code=200, responses=CHANGE)
async def cim(request: WebRequest) -> Response[Any]:
    """An EndDeviceControls message (IEC 61968-9); the final answer goes to its ReplyAddress."""
    actor = api_actor(request)
    if actor.office:
        raise PermissionDeniedException("controls may name any meter; this token is bound to an office")
    status, body = await faces(request).exchange.cim(await request.body(), actor)
    return Response(body, status_code=status, media_type="application/xml")


ROUTES: Final = (payments, cim)
