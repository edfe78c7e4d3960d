"""OBIS codes: the six octets that name an object (Blue Book 6, IEC 62056-61)."""

import re

from headend.dlms.errors import DecodeError, LocalError

# Groups A to F; written 1.0.1.8.0.255 or 1-0:1.8.0*255, the last group optional and 255 where it is left out.
_WRITTEN = re.compile(r"(\d{1,3})[.-](\d{1,3})[.:](\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[.*&](\d{1,3}))?", re.ASCII)


def _parse(text: str) -> bytes:
    match = _WRITTEN.fullmatch(text)
    groups = [int(group) for group in match.groups("255")] if match else [256]
    if max(groups) > 255:
        raise LocalError(f"{text!r} is no OBIS code")
    return bytes(groups)


class Obis(bytes):
    """One OBIS code, made from its 6 octets or from `1.0.1.8.0.255` or `1-0:1.8.0*255`.

    It is its octets: compares, sorts and hashes as they do, at their speed. DecodeError for octets of another number,
    LocalError for a text that is no code.
    """

    __slots__ = ()

    def __new__(cls, code: "str | bytes | bytearray | memoryview") -> "Obis":  # noqa: D102, PYI034 - may give back an Obis
        if isinstance(code, Obis):
            return code
        if isinstance(code, str):
            return super().__new__(cls, _parse(code))
        if len(code) != 6:
            raise DecodeError(f"an OBIS code has 6 octets, not {len(code)}")
        return super().__new__(cls, code)

    def __str__(self) -> str:
        return "{}.{}.{}.{}.{}.{}".format(*self)

    def __repr__(self) -> str:
        return f"Obis({str(self)!r})"

    @property
    def octets(self) -> bytes:
        """The 6 octets as plain bytes."""
        return bytes(self)

    @property
    def vector(self) -> str:
        """The code as `1-0:1.8.0*255`, the standard's own notation."""
        return "{}-{}:{}.{}.{}*{}".format(*self)

    @classmethod
    def parse(cls, text: str) -> "Obis":
        """The code that `text` writes; LocalError if it writes none."""
        return cls(text)

    @classmethod
    def from_octets(cls, octets: bytes) -> "Obis":
        """The code of 6 octets; DecodeError for another number."""
        return cls(octets)
