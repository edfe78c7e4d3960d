"""Values of any type in one column: the embedded store keeps what came, PostgreSQL as JSON with a mark for octets."""

from decimal import Decimal
from typing import Final

import msgspec

#: Octets, and texts with characters that PostgreSQL can't hold, stand as an object with one of these keys.
_OCTETS: Final = "octets"
_TEXT: Final = "text"
#: Begins each binary JSONB.
_VERSION: Final = b"\x01"


def encoded(value: object) -> bytes:
    """The value as binary JSONB; integers, texts, numbers, None and octets come back as they went."""
    if isinstance(value, bytes):
        value = {_OCTETS: value.hex()}
    elif isinstance(value, str) and "\0" in value:
        value = {_TEXT: value.encode().hex()}
    return _VERSION + msgspec.json.encode(value)


def decoded(binary: bytes) -> object:
    """What `encoded` was made from."""
    value = msgspec.json.decode(memoryview(binary)[1:])
    if isinstance(value, dict):
        return bytes.fromhex(value[_OCTETS]) if _OCTETS in value else bytes.fromhex(value[_TEXT]).decode()
    return value


def number(text: str) -> int | Decimal:
    """A numeric of PostgreSQL's: whole ones are integers, as sums of integers are here."""
    return int(text) if text.lstrip("-").isdecimal() else Decimal(text)


def fitting(value: object, kind: str) -> object:
    """The value as a parameter of that type takes it, where the embedded store would compare a digit with its number.

    A text that is no number equals none: it becomes NULL.
    """
    if isinstance(value, str) and kind in ("int8", "int4"):
        return int(value) if value.lstrip("-").isdecimal() else None
    if isinstance(value, int) and kind in ("text", "varchar"):
        return str(int(value))
    return value
