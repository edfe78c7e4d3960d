"""Cuts: the list that waits for an officer, the switches and modes, and rules tried on what was decided before."""

from datetime import timedelta
from typing import Any, Final

from litestar import Response, get, post
from litestar.exceptions import ValidationException
from litestar.params import FromPath

from headend.prepaid.model import Mode
from headend.prepaid.replay import Effect
from headend.web.faces import WebRequest, actor, faces, officer
from headend.web.forms import fields, text
from headend.web.pages import go_to, page
from headend.web.security import Permission, needs

#: The longest text of rules that is tried.
_LONGEST_RULES: Final = 50_000
_MOST_DAYS: Final = 90
#: Decisions that differ, as many as a person reads.
_SHOWN: Final = 200


@get("/cuts", opt=needs(Permission.VIEW))
async def cuts(request: WebRequest) -> Response[str]:
    """The cuts that wait in an office, with reasons and evidence."""
    ports, root = faces(request), officer(request).office
    office = request.query_params.get("within", "")
    found = await ports.acts.proposals(actor(request), office)
    return page(
        request,
        "console/cuts.html",
        found=found,
        office=office,
        offices=await ports.records.offices(root),
        alone=ports.records.rules()["alone"],
        first=await ports.acts.first_approval(actor(request), found.digest) if found.rows else None,
        day=await ports.records.today(root),
    )


@post("/cuts", opt=needs(Permission.APPROVE), status_code=303)
async def approve(request: WebRequest) -> Response[Any]:
    """Release exactly the list that was shown, without what is struck."""
    form = await fields(request)
    struck = frozenset(
        name.removeprefix("strike:") for name, value in form.items() if name.startswith("strike:") and value
    )
    done = await faces(request).acts.approve(actor(request), text(form, "digest", "the list's digest", 64), struck)
    if done.second:
        told = (
            "Your approval is noted. The list is longer than one person may approve: a second person approves it too."
        )
        return go_to(request, "/console/cuts", told, "plain")
    told = f"{len(done.released)} released, {len(done.struck)} struck, {len(done.left)} left alone."
    if done.left:
        told += " " + "; ".join(done.left.values())
    return go_to(request, "/console/cuts", told, "bad" if done.left else "good")


@get("/cuts/switches", opt=needs(Permission.VIEW))
async def switches(request: WebRequest) -> Response[str]:
    """Kill switch, arming, modes, caps, calendar."""
    ports, root = faces(request), officer(request).office
    return page(
        request,
        "console/switches.html",
        day=await ports.records.today(root),
        modes=await ports.records.modes(),
        waiting=await ports.records.mode_proposals(),
        offices=await ports.records.offices(root),
        rules=ports.records.rules(),
        every_mode=list(Mode),
        may_stop=True,
    )


@post("/cuts/kill", opt=needs(Permission.OPERATE), status_code=303)
async def kill(request: WebRequest) -> Response[Any]:
    """Stop every disconnect at once."""
    await faces(request).acts.set_kill_switch(actor(request), on=True)
    return go_to(request, "/console/cuts/switches", "The kill switch is on: nobody is cut. Reconnects go on.")


@post("/cuts/unkill", opt=needs(Permission.APPROVE), status_code=303)
async def unkill(request: WebRequest) -> Response[Any]:
    """Allow disconnects again."""
    await faces(request).acts.set_kill_switch(actor(request), on=False)
    return go_to(request, "/console/cuts/switches", "The kill switch is off.")


@post("/cuts/armed", opt=needs(Permission.APPROVE), status_code=303)
async def arm(request: WebRequest) -> Response[Any]:
    """Arm or disarm."""
    on = (await fields(request)).get("on") == "yes"
    await faces(request).acts.set_armed(actor(request), on=on)
    return go_to(request, "/console/cuts/switches", "Armed until the next start." if on else "Disarmed.")


@post("/cuts/mode", opt=needs(Permission.APPROVE), status_code=303)
async def mode(request: WebRequest) -> Response[Any]:
    """Set the mode of an office."""
    form = await fields(request)
    try:
        wanted = Mode(form.get("mode", ""))
    except ValueError as error:
        raise ValidationException("mode: one of notify, propose, automatic") from error
    done = await faces(request).acts.set_mode(actor(request), form.get("office", ""), wanted)
    told = f"The mode is {wanted} now." if done else f"{wanted} is asked for; another person confirms it here."
    return go_to(request, "/console/cuts/switches", told)


@post("/cuts/mode/{number:int}", opt=needs(Permission.APPROVE), status_code=303)
async def confirm_mode(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Confirm a mode that another person asked for."""
    await faces(request).acts.confirm_mode(actor(request), number)
    return go_to(request, "/console/cuts/switches", "The mode is in force.")


@get("/cuts/replay", opt=needs(Permission.APPROVE))
async def replay_form(request: WebRequest) -> Response[str]:
    """Rules to be tried: those in force, to be changed."""
    rules = faces(request).records.rules()["toml"]
    return page(request, "console/replay.html", text=rules, days="7", automatic=False, found=None)


@post("/cuts/replay", opt=needs(Permission.APPROVE), status_code=200)
async def replay(request: WebRequest) -> Response[str]:
    """What the rules would have decided on the facts of every decision since; nothing is changed."""
    if officer(request).office:
        raise ValidationException("rules are tried for the whole house; that is for somebody responsible for all of it")
    form, ports = await fields(request), faces(request)
    rules, days = form.get("rules", "")[:_LONGEST_RULES], form.get("days", "7")
    if not days.isdecimal() or not 1 <= int(days[:4]) <= _MOST_DAYS:
        raise ValidationException(f"days: a number from 1 to {_MOST_DAYS}")
    automatic = form.get("automatic") == "yes"
    found = await ports.records.replay(rules, ports.now() - timedelta(days=int(days)), automatic=automatic)
    return page(
        request,
        "console/replay.html",
        text=rules,
        days=days,
        automatic=automatic,
        found=found,
        effects=list(Effect),
        shown=_SHOWN,
    )


ROUTES: Final = (cuts, approve, switches, kill, unkill, arm, mode, confirm_mode, replay_form, replay)
