"""OBIS codes: the six octets that name an object (Blue Book 6, IEC 62056-61)."""

import re

from attrs import field, frozen

from headend.dlms.errors import DecodeError, LocalError

# Groups A to F; written 1.0.1.8.0.255 or 1-0:1.8.0*255, the last group optional and 255 where it is left out.
_WRITTEN = re.compile(r"(\d{1,3})[.-](\d{1,3})[.:](\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:[.*&](\d{1,3}))?", re.ASCII)


def _octets(code: "str | bytes | bytearray | memoryview | Obis") -> bytes:
    if isinstance(code, Obis):
        return code.octets
    if isinstance(code, str):
        return _parse(code)
    octets = bytes(code)
    if len(octets) != 6:
        raise DecodeError(f"an OBIS code has 6 octets, not {len(octets)}")
    return octets


def _parse(text: str) -> bytes:
    match = _WRITTEN.fullmatch(text)
    groups = [int(group) for group in match.groups("255")] if match else [256]
    if max(groups) > 255:
        raise LocalError(f"{text!r} is no OBIS code")
    return bytes(groups)


@frozen(order=True)
class Obis:
    """One OBIS code, made from its 6 octets or from `1.0.1.8.0.255` or `1-0:1.8.0*255`.

    DecodeError for octets of another number, LocalError for a text that is no code.
    """

    octets: bytes = field(converter=_octets)

    def __str__(self) -> str:
        return "{}.{}.{}.{}.{}.{}".format(*self.octets)

    def __repr__(self) -> str:
        return f"Obis({str(self)!r})"

    def __bytes__(self) -> bytes:
        return self.octets

    @property
    def vector(self) -> str:
        """The code as `1-0:1.8.0*255`, the standard's own notation."""
        return "{}-{}:{}.{}.{}*{}".format(*self.octets)

    @classmethod
    def parse(cls, text: str) -> "Obis":
        """The code that `text` writes; LocalError if it writes none."""
        return cls(text)

    @classmethod
    def from_octets(cls, octets: bytes) -> "Obis":
        """The code of 6 octets; DecodeError for another number."""
        return cls(octets)
