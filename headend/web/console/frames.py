"""Recorded visits: what went over the line, message by message."""

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from headend.web.faces import WebRequest, actor, faces
from headend.web.pages import page
from headend.web.security import Permission, needs


@get("/meters/{serial:str}/frames/{number:int}", opt=needs(Permission.OPERATE))
async def frames(request: WebRequest, serial: FromPath[str], number: FromPath[int]) -> Response[str]:
    """A recorded visit; what is ciphered stays so."""
    found = await faces(request).care.trace(actor(request), serial, number, decipher=False)
    return page(request, "console/frames.html", serial=serial, found=found)


@post("/meters/{serial:str}/frames/{number:int}", opt=needs(Permission.APPROVE), status_code=200)
async def opened(request: WebRequest, serial: FromPath[str], number: FromPath[int]) -> Response[str]:
    """The same, opened with the meter's keys, which are not told; a deed that the audit keeps."""
    found = await faces(request).care.trace(actor(request), serial, number, decipher=True)
    return page(request, "console/frames.html", serial=serial, found=found)


ROUTES: Final = (frames, opened)
