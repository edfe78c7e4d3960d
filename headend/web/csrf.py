"""Forms of other sites do nothing here: a change needs a word that only our own pages hold.

The word is derived from the face's cookie, so it is tied to one browser and, after logging in, to one session.
"""

import hashlib
import hmac
from typing import Final

from litestar.exceptions import PermissionDeniedException

from headend.web.faces import WebRequest, visitor
from headend.web.sessions import API

#: The form field and the header that carry the word.
FIELD: Final = "_csrf"
HEADER: Final = "x-csrf-token"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


def csrf_word(token: str) -> str:
    """The word that belongs to a cookie's token."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


async def refuse_foreign_forms(request: WebRequest) -> None:
    """Before every route: a change that was not asked for by a page of ours is refused. Tokens of the API need none."""
    caller = visitor(request)
    if request.method in _SAFE or caller.face == API:
        return
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise PermissionDeniedException("this form was sent by another site")
    given = request.headers.get(HEADER) or await _field(request)
    if not hmac.compare_digest(given.encode(), csrf_word(caller.token).encode()):
        raise PermissionDeniedException("this page is too old; load it again and send the form once more")


async def _field(request: WebRequest) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        return ""
    form = await request.form()
    given = form.get(FIELD, "")
    return given if isinstance(given, str) else ""
