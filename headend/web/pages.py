"""Templates become pages: everything is escaped, and nothing that a template misspells passes unseen."""

import base64
import json
import re
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect

from headend.commands.officers import Officer
from headend.web.csrf import csrf_word
from headend.web.faces import WebRequest, faces, visitor
from headend.web.look import TEMPLATES, install, to_the_second

#: A message for the next page, set by us alone; it lives until it is shown.
_FLASH: Final = "headend-flash"
_FLASH_S: Final = 60
_STORED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
#: A time that is kept as text.
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d:\d\d")


@cache
def environment() -> Environment:
    """The templates of both faces."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install(made)
    made.filters.update(dated=dated, plainly=plainly, words=words, share=share, quantity=quantity, json=json.loads)
    return made


def prepare() -> None:
    """Compile every template now: the first to ask for a page would wait for it."""
    for name in environment().list_templates(["html"]):
        environment().get_template(name)


def words(name: object) -> str:
    """A name of the program as words: `reconnect_late` becomes `reconnect late`."""
    return str(name).replace("_", " ").replace(".", " ")


def quantity(value: object) -> str:
    """A measured value as it is written by hand: no exponent, a time by the Indian clock."""
    match value:
        case Decimal():
            return f"{value:f}"
        case datetime():
            return to_the_second(value)
        case str() if _ISO.fullmatch(value):
            return to_the_second(datetime.fromisoformat(value))
        case _:
            return str(value)


def plainly(value: object) -> str:
    """A fact as a person reads it: a text as it is, anything else as JSON in its own letters."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def dated(line: str) -> str:
    """A line that begins with a moment as the store writes it (`2026-11-24T05:00:00Z …`), by the Indian clock."""
    at, _, rest = line.partition(" ")
    if not _STORED.fullmatch(at):
        return line
    return f"{to_the_second(datetime.fromisoformat(at))} {rest}"


def share(value: float) -> str:
    """`98.7 %`; what is not quite everything is never shown as 100 %."""
    return "100 %" if value >= 1 else f"{min(value, 0.9994) * 100:.1f} %"


def page(request: WebRequest, template: str, *, status_code: int = 200, **context: Any) -> Response[str]:  # noqa: ANN401
    """A page; beside `context` it knows `officer` (None: nobody), `csrf_token`, `flash`, `path`, `now` and `query`."""
    caller = visitor(request)
    flash = _flash(request)
    text = (
        environment()
        .get_template(template)
        .render(
            officer=caller.principal if isinstance(caller.principal, Officer) else None,
            principal=caller.principal,
            csrf_token=csrf_word(caller.token),
            flash=flash,
            path=request.url.path,
            query=dict(request.query_params.items()),
            now=faces(request).now(),
            **context,
        )
    )
    response: Response[str] = Response(text, media_type=MediaType.HTML, status_code=status_code)
    if flash is not None:
        response.set_cookie(Cookie(key=_FLASH, value="", path="/", max_age=0, httponly=True, samesite="lax"))
    return response


def go_to(request: WebRequest, path: str, message: str = "", kind: str = "good") -> Redirect:
    """To another page after a form (303), with a message for it; `kind` is good, bad or plain."""
    response = Redirect(path=path, status_code=303)
    if message:
        value = base64.urlsafe_b64encode(json.dumps({"kind": kind, "text": message[:500]}).encode()).decode()
        secure = faces(request).secure
        response.set_cookie(
            Cookie(key=_FLASH, value=value, path="/", max_age=_FLASH_S, httponly=True, secure=secure, samesite="strict")
        )
    return response


def _flash(request: WebRequest) -> dict[str, str] | None:
    raw = request.cookies.get(_FLASH)
    if not raw:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(raw))
        return {"kind": str(found["kind"]), "text": str(found["text"])}
    except (ValueError, KeyError, TypeError):
        return None
