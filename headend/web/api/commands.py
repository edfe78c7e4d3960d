"""Relay commands: asked for by another system, carried out and read back by the daemon."""

from typing import Annotated, Any, Final

import msgspec
from litestar import Response
from litestar.params import JSONBody, PathParameter, QueryParameter

from headend.commands.model import Command, State, Target
from headend.web.api import shapes
from headend.web.api.cursors import rows_after
from headend.web.api.fleet import Cursor, Limit, Office
from headend.web.api.once import IdempotencyKey, once
from headend.web.api.routes import api_actor, caller, changes, office_of, reads
from headend.web.faces import WebRequest, faces

Number = Annotated[int, PathParameter(ge=1, lt=1 << 62)]


@reads("/commands", "commands:read")
async def commands(
    request: WebRequest,
    office: Office = "",
    meter: Annotated[str, QueryParameter(max_length=100)] = "",
    wanted: Annotated[State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = "",
    limit: Limit = 100,
) -> shapes.Page[shapes.Command]:
    """Commands, the oldest first."""
    filters = {"meter": meter, "state": "" if wanted is None else wanted.value}
    rows, following = await rows_after(
        request, "commands", office=office_of(request, office), filters=filters, cursor=cursor, limit=limit
    )
    return shapes.Page(items=[shapes.taken(shapes.Command, row) for row in rows], next=following)


@reads("/commands/{number:int}", "commands:read")
async def command(request: WebRequest, number: Number) -> shapes.CommandDetail:
    """One command with every step and its evidence."""
    found, steps = await faces(request).records.command(caller(request).office, number)
    return shapes.CommandDetail(
        command=_command(found),
        steps=[
            shapes.Step(
                at=step.at,
                before=None if step.before is None else step.before.value,
                after=step.after.value,
                note=step.note,
            )
            for step in steps
        ],
        evidence=None if found.evidence is None else msgspec.json.decode(found.evidence),
    )


@changes("/commands", "commands:write", status_code=201)
async def ask(request: WebRequest, data: JSONBody[shapes.NewCommand], key: IdempotencyKey) -> Response[shapes.Command]:
    """Ask for a relay state. It is journalled; `GET /commands/{id}` shows when it was read back."""
    acts, actor = faces(request).acts, api_actor(request)
    cause = f"api:{caller(request).id}:{key}"

    async def work() -> shapes.Command:
        if Target(data.target) is Target.CONNECTED:
            return _command(await acts.reconnect(actor, data.meter, data.reason, cause))
        return _command(await acts.disconnect(actor, data.meter, data.reason, cause, emergency=data.emergency))

    return await once(request, key, 201, work, given=data)


@changes("/commands/{number:int}/cancel", "commands:write", status_code=200)
async def cancel(request: WebRequest, number: Number, data: JSONBody[shapes.Cancel]) -> shapes.Command:
    """Cancel what is not sent."""
    return _command(await faces(request).acts.cancel(api_actor(request), number, data.reason))


def _command(found: Command) -> shapes.Command:
    values: dict[str, Any] = {
        name: getattr(found, name) for name in shapes.Command.__struct_fields__ if hasattr(found, name)
    }
    values |= {name: values[name].value for name in ("target", "state", "origin")}
    return shapes.Command(**values, balance_paise=found.balance)


ROUTES: Final = (commands, command, ask, cancel)
