"""Where gateways tell what became of payments, and the page on which the sandbox is told how to behave."""

import asyncio
from typing import Any, Final

from litestar import Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from headend.prepaid.portal import OnlinePayment
from headend.web.faces import WebRequest
from headend.web.forms import fields
from headend.web.portal.desk import DESK, Desk, desk_of
from headend.web.portal.payments import NotTheGateway, take_word
from headend.web.portal.recharging import own_payment
from headend.web.portal.sandbox import WORDS, Play, Sandbox
from headend.web.portal.showing import consumer_of, show
from headend.web.security import Permission, needs

#: More than any gateway has to say.
_LONGEST_WORD: Final = 16_384


def gateway_router(desk: Desk) -> Router:
    """The address that gateways call. It asks for no token: the gateway's signature is what counts."""
    return Router("/api/v1/gateways", route_handlers=[callback], opt={DESK: lambda: desk})


@post("/{name:str}", opt=needs(Permission.PUBLIC), status_code=200, include_in_schema=False)
async def callback(request: WebRequest, name: FromPath[str]) -> Response[Any]:
    """Take a gateway's word; 200 once it is written down, so that the gateway repeats it until then."""
    desk = desk_of(request)
    if desk.gateway is None or desk.gateway.name != name:
        raise NotFoundException
    body = await request.body()
    if len(body) > _LONGEST_WORD:
        raise NotTheGateway("the callback is too long")
    word = desk.gateway.read({key.lower(): value for key, value in request.headers.items()}, body)
    payment = await take_word(desk.payments, desk.book, word)
    return Response({"payment": payment.id, "state": payment.state.value})


@get("/sandbox/{payment_id:str}", opt=needs(Permission.CONSUMER))
async def sandbox_page(request: WebRequest, payment_id: FromPath[str]) -> Response[str]:
    """The sandbox's own page."""
    desk, _ = _sandbox(request)
    payment = await own_payment(desk, payment_id, consumer_of(request))
    return show(request, "sandbox.html", payment=payment, plays=list(Play))


@post("/sandbox/{payment_id:str}", opt=needs(Permission.CONSUMER), status_code=303)
async def sandbox(request: WebRequest, payment_id: FromPath[str]) -> Response[Any]:
    """Behave as was chosen, then send the consumer back."""
    desk, gateway = _sandbox(request)
    payment = await own_payment(desk, payment_id, consumer_of(request))
    chosen = (await fields(request)).get("play", "")
    if chosen not in list(Play):
        raise NotFoundException
    play = Play(chosen)
    if play is Play.LATE:
        desk.later(_late(desk, gateway, payment), "a late word of the sandbox")
    else:
        await _speak(desk, gateway, payment, WORDS[play])
    return Redirect(path=f"/portal/recharge/{payment.id}", status_code=303)


async def _late(desk: Desk, gateway: Sandbox, payment: OnlinePayment) -> None:
    await asyncio.sleep(gateway.late_s)
    await _speak(desk, gateway, payment, WORDS[Play.LATE])


async def _speak(desk: Desk, gateway: Sandbox, payment: OnlinePayment, said: tuple[bool, ...]) -> None:
    """Every word goes the way of a real callback: signed, read, verified, taken."""
    for paid in said:
        headers, body = gateway.word(payment, paid=paid)
        await take_word(desk.payments, desk.book, gateway.read(headers, body))


def _sandbox(request: WebRequest) -> tuple[Desk, Sandbox]:
    desk = desk_of(request)
    if not isinstance(desk.gateway, Sandbox):
        raise NotFoundException
    return desk, desk.gateway


ROUTES: Final = (sandbox_page, sandbox)
