"""Messages of other systems in their own forms: signed payments, and IEC 61968-9."""

from typing import Any, Final

import msgspec
from litestar import Response, post
from litestar.exceptions import PermissionDeniedException

from headend.web.api import shapes
from headend.web.api.bodies import CimMessage, SignedPayments
from headend.web.api.routes import answers, api_actor, problems
from headend.web.faces import WebRequest, faces
from headend.web.problems import PROBLEM, title_of
from headend.web.security import Permission, needs

#: What both take, 1 MiB; more is refused before it is read to its end.
_MOST_OCTETS: Final = 1 << 20
_JSON, _XML = "application/json", "application/xml"
_PAYMENTS: Final = {
    200: answers(shapes.PaymentTaken | shapes.PaymentsTaken, "all is booked", _JSON),
    207: answers(shapes.PaymentsTaken, "several payments, not all of them booked", _JSON),
} | problems(400, 401, 404, 409, 413, 422, 429, 503, kind=shapes.PaymentProblem)
_CIM: Final = {
    200: answers(str, "ResponseMessage: taken, or refused by a rule (Result)", _XML),
    400: answers(str, "ResponseMessage, FAILED: no message that can be taken", _XML),
    409: answers(str, "ResponseMessage, FAILED: the MessageID is another message's", _XML),
    503: answers(str, "ResponseMessage, FAILED: to be sent again later", _XML),
} | problems(401, 403, 413, 429)


@post(
    "/payments",
    opt=needs(Permission.PUBLIC),
    status_code=200,
    responses=_PAYMENTS,
    operation_class=SignedPayments,
    request_max_body_size=_MOST_OCTETS,
)
async def payments(request: WebRequest) -> Response[Any]:
    """Payments of a gateway, shown to be its own by their signature; each is booked once."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    status, body = await faces(request).exchange.payments(headers, await request.body())
    if status >= 400:
        return Response(_problem(status, body), status_code=status, media_type=PROBLEM)
    return Response(body, status_code=status, media_type=_JSON)


def _problem(status: int, body: bytes) -> dict[str, Any]:
    """A refusal in the form of the API's errors; its `code` and whatever else it tells stay beside them."""
    told = msgspec.json.decode(body)
    detail = told.pop("error", "not all of it is booked; send the whole message again later")
    return {"type": "about:blank", "title": title_of(status), "status": status, "detail": detail, **told}


@post(
    "/cim",
    opt=needs(Permission.SYSTEM, "cim"),
    status_code=200,
    responses=_CIM,
    operation_class=CimMessage,
    request_max_body_size=_MOST_OCTETS,
)
async def cim(request: WebRequest) -> Response[Any]:
    """An EndDeviceControls message (IEC 61968-9); the final answer goes to its ReplyAddress."""
    actor = api_actor(request)
    if actor.office:
        raise PermissionDeniedException("controls may name any meter; this token is bound to an office")
    status, body = await faces(request).exchange.cim(await request.body(), actor)
    return Response(body, status_code=status, media_type=_XML)


ROUTES: Final = (payments, cim)
