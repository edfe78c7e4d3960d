"""The page of an account, and what the cash desk and the counter do to it."""

from datetime import date
from typing import Any, Final
from uuid import uuid4

from litestar import Response, get, post
from litestar.exceptions import ValidationException
from litestar.params import FromPath

from headend.prepaid.model import EntryKind
from headend.prepaid.money import format_rupees, parse_rupees
from headend.web.faces import WebRequest, actor, faces, officer
from headend.web.forms import fields, text
from headend.web.pages import go_to, page
from headend.web.security import Permission, needs

_FEW: Final = 15
_STEPS: Final = 40
#: Entries that the balance curve is drawn from.
_CURVE: Final = 1000


@get("/accounts/{consumer_no:str}", opt=needs(Permission.VIEW))
async def account_page(request: WebRequest, consumer_no: FromPath[str]) -> Response[str]:
    """One account."""
    ports, root = faces(request), officer(request).office
    view = await ports.records.account(root, consumer_no)
    mine = {"consumer_no": consumer_no}
    ledger, _ = await ports.listings.page("ledger", office=root, filters=mine, limit=_FEW)
    notices, _ = await ports.listings.page("notices", office=root, filters=mine, limit=_FEW)
    commands, _ = await ports.listings.page("commands", office=root, filters=mine, limit=5)
    corrections, _ = await ports.listings.page("corrections", office=root, filters=mine, limit=5)
    language = "hi" if request.query_params.get("language") == "hi" else "en"
    summary, steps = await ports.records.story(root, consumer_no, language, _STEPS)
    return page(
        request,
        "console/account.html",
        facts=view.facts,
        account=view.facts.account,
        daily_use=view.daily_use,
        ledger=ledger,
        notices=notices,
        commands=commands,
        corrections=corrections,
        summary=summary,
        steps=list(reversed(steps)),
        language=language,
        decisions=await ports.records.decisions(root, consumer_no, 5),
        plans=await ports.records.plans(root, consumer_no),
        protection=await ports.care.protection(actor(request), consumer_no),
        receipt=f"DESK-{uuid4().hex[:12].upper()}",
    )


@get("/accounts/{consumer_no:str}/balance.json", opt=needs(Permission.VIEW))
async def balance_curve(request: WebRequest, consumer_no: FromPath[str]) -> dict[str, Any]:
    """The balance after each entry."""
    ports, root = faces(request), officer(request).office
    await ports.records.account(root, consumer_no)
    rows, _ = await ports.listings.page("ledger", office=root, filters={"consumer_no": consumer_no}, limit=_CURVE)
    rows.reverse()
    values = [row["balance"] / 100 for row in rows]
    series = [{"label": "Balance", "unit": "₹", "values": values, "steps": True}]
    return {"x": [int(row["booked_at"].timestamp()) for row in rows], "series": series}


@post("/accounts/{consumer_no:str}/recharge", opt=needs(Permission.OPERATE), status_code=303)
async def recharge(request: WebRequest, consumer_no: FromPath[str]) -> Response[Any]:
    """A payment at the cash desk; sent twice, it is booked once by its receipt number."""
    form = await fields(request)
    receipt = text(form, "receipt", "the receipt number", 64)
    done = await faces(request).acts.recharge(actor(request), consumer_no, _amount(form), receipt)
    told = f"Receipt {receipt} was booked before." if done.repeated else f"Booked with receipt {receipt}."
    told += f" The balance is {format_rupees(done.balance)}."
    if done.command is not None:
        told += f" Supply is coming back: command {done.command.id}."
    return go_to(request, f"/console/accounts/{consumer_no}", told)


@post("/accounts/{consumer_no:str}/book", opt=needs(Permission.APPROVE), status_code=303)
async def book(request: WebRequest, consumer_no: FromPath[str]) -> Response[Any]:
    """A deposit, a rebate or arrears."""
    form = await fields(request)
    try:
        kind = EntryKind(form.get("kind", ""))
    except ValueError as error:
        raise ValidationException("kind: deposit, rebate or arrears") from error
    reference, reason = text(form, "reference", "the reference", 64), text(form, "reason", "the reason", 200)
    done = await faces(request).acts.book(actor(request), consumer_no, kind, _amount(form), reference, reason)
    told = f"The balance is {format_rupees(done.entry.balance)}."
    return go_to(request, f"/console/accounts/{consumer_no}", told)


@post("/accounts/{consumer_no:str}/correction", opt=needs(Permission.OPERATE), status_code=303)
async def correction(request: WebRequest, consumer_no: FromPath[str]) -> Response[Any]:
    """Ask for a correction, which another person approves."""
    form = await fields(request)
    reason = text(form, "reason", "the reason", 200)
    found = await faces(request).acts.propose_correction(actor(request), consumer_no, _amount(form), reason)
    told = f"Correction {found.id} of {format_rupees(found.amount)} waits for another person."
    return go_to(request, f"/console/accounts/{consumer_no}", told)


@post("/corrections/{number:int}", opt=needs(Permission.APPROVE), status_code=303)
async def decide(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Approve or reject a correction."""
    decision = (await fields(request)).get("decision")
    if decision not in ("approve", "reject"):
        raise ValidationException("decision: approve or reject")
    await faces(request).acts.decide_correction(actor(request), number, approve=decision == "approve")
    return go_to(
        request, "/console/corrections", f"Correction {number}: {decision}d." if decision == "approve" else "Rejected."
    )


@post("/accounts/{consumer_no:str}/plan", opt=needs(Permission.OPERATE), status_code=303)
async def plan(request: WebRequest, consumer_no: FromPath[str]) -> Response[Any]:
    """Let arrears be paid in monthly parts."""
    form = await fields(request)
    count = form.get("parts", "")
    try:
        first = date.fromisoformat(form.get("first", ""))
    except ValueError as error:
        raise ValidationException("the first day to pay is missing") from error
    if not count.isdecimal() or not 1 <= int(count[:3]) <= 60:
        raise ValidationException("instalments: a number from 1 to 60")
    reason = text(form, "reason", "the reason", 200)
    made = await faces(request).acts.plan(actor(request), consumer_no, _amount(form), (int(count), first), reason)
    return go_to(request, f"/console/accounts/{consumer_no}", f"Plan {made.id}: {len(made.parts)} instalments.")


@post("/accounts/{consumer_no:str}/number", opt=needs(Permission.OPERATE), status_code=303)
async def ask_number(request: WebRequest, consumer_no: FromPath[str]) -> Response[Any]:
    """Send a code to the new number."""
    mobile = text(await fields(request), "mobile", "the new number", 20)
    sent = await faces(request).acts.ask_number(actor(request), consumer_no, mobile)
    told = f"A code is on its way to {sent}. Type it below when the consumer has it."
    return go_to(request, f"/console/accounts/{consumer_no}#number", told, "plain")


@post("/accounts/{consumer_no:str}/number/confirm", opt=needs(Permission.OPERATE), status_code=303)
async def confirm_number(request: WebRequest, consumer_no: FromPath[str]) -> Response[Any]:
    """Change the number with the code."""
    code = text(await fields(request), "code", "the code", 10)
    number = await faces(request).acts.confirm_number(actor(request), consumer_no, code)
    return go_to(request, f"/console/accounts/{consumer_no}", f"The number is {number} now. The old one is told.")


def _amount(form: dict[str, str]) -> int:
    try:
        return parse_rupees(form.get("amount", ""))
    except ValueError as error:
        raise ValidationException(str(error)) from error


ROUTES: Final = (
    account_page,
    balance_curve,
    recharge,
    book,
    correction,
    decide,
    plan,
    ask_number,
    confirm_number,
)
