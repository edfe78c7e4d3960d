"""The page of a command: every step with its evidence, and what a person may still do."""

import json
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath

from headend.commands.model import State
from headend.web.faces import WebRequest, actor, faces, officer
from headend.web.forms import fields, text
from headend.web.pages import go_to, page
from headend.web.security import Permission, needs

#: A page of a command in one of these looks again by itself.
_UNDER_WAY: Final = frozenset({State.REQUESTED, State.SENDING, State.UNKNOWN})


@get("/commands/{number:int}", opt=needs(Permission.VIEW))
async def command_page(request: WebRequest, number: FromPath[int]) -> Response[str]:
    """One command."""
    ports, root = faces(request), officer(request).office
    command, steps = await ports.records.command(root, number)
    meter = await ports.listings.one("meters", command.meter, office=root)
    return page(
        request,
        "console/command.html",
        command=command,
        steps=steps,
        meter=meter,
        evidence=None if command.evidence is None else json.loads(command.evidence),
        under_way=command.state in _UNDER_WAY,
    )


@post("/commands/{number:int}/cancel", opt=needs(Permission.OPERATE), status_code=303)
async def cancel(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Cancel what is not sent."""
    reason = text(await fields(request), "reason", "the reason", 200)
    found = await faces(request).acts.cancel(actor(request), number, reason)
    return go_to(request, f"/console/commands/{number}", f"Command {number} is {found.state}.")


@post("/commands/{number:int}/release", opt=needs(Permission.APPROVE), status_code=303)
async def release(request: WebRequest, number: FromPath[int]) -> Response[Any]:
    """Let a quarantined command go on."""
    found = await faces(request).acts.release(actor(request), number)
    return go_to(request, f"/console/commands/{number}", f"Command {number} is {found.state}.")


ROUTES: Final = (command_page, cancel, release)
