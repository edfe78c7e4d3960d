"""Cursors: where a list goes on, opaque to the caller and checked when it comes back."""

import base64
import binascii
import json
from typing import Any

from litestar.exceptions import ValidationException

from headend.web.faces import WebRequest, faces


def cursor_of(key: str | int | None) -> str | None:
    """The cursor of a key, None at the end."""
    return None if key is None else base64.urlsafe_b64encode(json.dumps([key]).encode()).decode()


def key_of(cursor: str) -> str | int | None:
    """The key of a cursor, None for the beginning; raises ValidationException for one that is not ours."""
    if not cursor:
        return None
    try:
        found = json.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise ValidationException("cursor: not one that this list gave") from error
    match found:
        case [str() as key] if len(key) <= 100 and key.isprintable():
            return key
        case [int() as key] if not isinstance(key, bool) and 0 <= key < 1 << 62:
            return key
        case _:
            raise ValidationException("cursor: not one that this list gave")


async def rows_after(
    request: WebRequest, name: str, *, office: str, filters: dict[str, str], cursor: str, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Rows of a list from a cursor on, and the next cursor."""
    given = {key: value for key, value in filters.items() if value}
    rows, key = await faces(request).listings.after(name, office=office, filters=given, key=key_of(cursor), limit=limit)
    return rows, cursor_of(key)
