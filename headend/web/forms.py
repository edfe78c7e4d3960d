"""Fields of forms as text."""

from typing import Any, Final

from litestar.exceptions import ValidationException

from headend.web.faces import WebRequest

#: The longest text that a field takes, unless it says otherwise.
LONGEST: Final = 500
_KEPT: Final = frozenset("\n\t\r")


async def fields(request: WebRequest) -> dict[str, str]:
    """The form's fields, stripped; a field that is sent twice counts once. Raises ValidationException for files."""
    form = await request.form()
    found: dict[str, str] = {}
    for name in form:
        value: Any = form.get(name)
        if not isinstance(value, str):
            raise ValidationException(f"{name}: a text is expected")
        found[str(name)] = value.strip()
    return found


def text(form: dict[str, str], name: str, label: str, longest: int = LONGEST) -> str:
    """A field that must be filled in; raises ValidationException."""
    value = form.get(name, "")
    if not value:
        raise ValidationException(f"{label} is missing")
    if len(value) > longest:
        raise ValidationException(f"{label} is longer than {longest} characters")
    if not all(each.isprintable() or each in _KEPT for each in value):
        raise ValidationException(f"{label} holds characters that can't be shown")
    return value
