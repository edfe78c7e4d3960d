"""Recharging: an amount, the gateway, and what became of it. The money itself is booked by the gateway's word."""

import secrets
from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from headend.commands.officers import Deed
from headend.prepaid.money import format_rupees, parse_rupees
from headend.prepaid.policy import Policy
from headend.prepaid.portal import OnlinePayment
from headend.web.faces import WebRequest, faces
from headend.web.forms import fields
from headend.web.portal.desk import Desk, desk_of
from headend.web.portal.doors import waiting
from headend.web.portal.showing import consumer_of, said, show
from headend.web.portal.standing import standing
from headend.web.portal.words import digits
from headend.web.security import Permission, needs
from headend.web.sessions import PORTAL

_CONSUMER: Final = needs(Permission.CONSUMER)
#: One online payment in paise; more goes to the counter.
MOST: Final = 1_00_000_00
_SUGGESTED: Final = (200_00, 500_00, 1000_00)
_ONE_RUPEE: Final = 100


@get("/recharge", opt=_CONSUMER)
async def recharge_page(request: WebRequest) -> Response[str]:
    """The form, and every recharge so far."""
    return await _form(request)


@post("/recharge", opt=_CONSUMER, status_code=303)
async def recharge(request: WebRequest) -> Response[Any]:
    """Begin a payment and go to the gateway."""
    desk, number, form = desk_of(request), consumer_of(request), await fields(request)
    t = said(request)
    view = await desk.accounts.view(number, desk.now())
    amount, problem = _amount(request, form.get("amount", ""), desk.policy_of(view))
    if desk.gateway is None:
        problem = t("problem.no_gateway")
    if problem or desk.gateway is None:
        return await _form(request, form.get("amount", "")[:20], problem, 422)
    wait = await desk.bounds.payment(number)
    if wait:
        return await _form(request, form.get("amount", "")[:20], waiting(request, wait), 429)
    identity = f"W{desk.now():%y%m%d}{secrets.token_hex(5).upper()}"
    deed = Deed(faces(request).now(), number, PORTAL, "begin a payment", number, "", {"payment": identity})
    with faces(request).witness(deed):
        payment = await desk.payments.start(identity, number, amount, desk.gateway.name)
    return Redirect(path=desk.gateway.address(payment), status_code=303)


@get("/recharge/{payment_id:str}", opt=_CONSUMER)
async def payment_page(request: WebRequest, payment_id: FromPath[str]) -> Response[str]:
    """What became of a payment: the receipt, once it is booked."""
    return show(request, "payment.html", **await _payment(request, payment_id))


@get("/recharge/{payment_id:str}/state", opt=_CONSUMER)
async def payment_state(request: WebRequest, payment_id: FromPath[str]) -> Response[str]:
    """The part of that page which changes."""
    return show(request, "payment_state.html", **await _payment(request, payment_id))


async def own_payment(desk: Desk, payment_id: str, consumer_no: str) -> OnlinePayment:
    """A payment of this consumer; another one's is not found, as one that never was."""
    payment = await desk.payments.payment(payment_id)
    if payment.consumer_no != consumer_no:
        raise NotFoundException
    return payment


async def _payment(request: WebRequest, payment_id: str) -> dict[str, Any]:
    desk, number = desk_of(request), consumer_of(request)
    payment = await own_payment(desk, payment_id, number)
    view = await desk.accounts.view(number, desk.now())
    return {
        "payment": payment,
        "receipt": await desk.statements.receipt(number, payment.id),
        "account": view.facts.account,
        "standing": standing(view, desk.policy_of(view)),
    }


async def _form(request: WebRequest, amount: str = "", problem: str = "", status_code: int = 200) -> Response[str]:
    desk, number = desk_of(request), consumer_of(request)
    view = await desk.accounts.view(number, desk.now())
    policy = desk.policy_of(view)
    stands = standing(view, policy)
    least = _least(policy)
    wanted = {each for each in (stands.needed, stands.partial) if each is not None}
    suggested = sorted({*wanted, *(each for each in _SUGGESTED if each >= least)})
    asked = request.query_params.get("amount", "")[:20]
    return show(
        request,
        "recharge.html",
        status_code=status_code,
        standing=stands,
        suggested=suggested,
        least=least,
        amount=amount or asked,
        problem=problem,
        payments=await desk.payments.of_consumer(number, 50),
        booked=await desk.statements.recharges(number, 50),
    )


def _least(policy: Policy) -> int:
    return max(policy.min_recharge or 0, _ONE_RUPEE)


def _amount(request: WebRequest, text: str, policy: Policy) -> tuple[int, str]:
    """The amount in paise, and what is wrong with it."""
    t, least = said(request), _least(policy)
    try:
        amount = parse_rupees(digits(text))
    except ValueError:
        return 0, t("problem.amount")
    if amount < least:
        return 0, t("problem.amount_low", amount=format_rupees(least))
    if amount > MOST:
        return 0, t("problem.amount_high", amount=format_rupees(MOST))
    return amount, ""


ROUTES: Final = (recharge_page, recharge, payment_page, payment_state)
