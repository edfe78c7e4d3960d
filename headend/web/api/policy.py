"""Other rules, tried on what was decided before."""

from datetime import timedelta
from typing import Final

from litestar.exceptions import PermissionDeniedException
from litestar.params import JSONBody

from headend.web.api import shapes
from headend.web.api.routes import caller, changes
from headend.web.faces import WebRequest, faces


@changes("/policy/replay", "policy:read", status_code=200)
async def replay(request: WebRequest, data: JSONBody[shapes.Replay]) -> shapes.Replayed:
    """Judge the facts of past decisions by other rules; nothing is changed and no meter is touched."""
    if caller(request).office:
        raise PermissionDeniedException("rules are tried for the whole house; this token is bound to an office")
    ports = faces(request)
    found = await ports.records.replay(data.rules, ports.now() - timedelta(days=data.days), automatic=data.automatic)
    return shapes.Replayed(
        decisions=found.decisions,
        before={effect.value: count for effect, count in found.before.items()},
        after={effect.value: count for effect, count in found.after.items()},
        newly_cut=sorted(found.newly_cut),
        spared=sorted(found.spared),
    )


ROUTES: Final = (replay,)
