from typing import Protocol

from attrs import frozen


class LineSettings(Protocol):
    """How a serial line is set; one stop bit."""

    @property
    def baud(self) -> int:
        """Bits per second."""

    @property
    def data_bits(self) -> int:
        """7 or 8."""

    @property
    def parity(self) -> str:
        """none, even or odd."""


@frozen
class Line:
    """One setting of a serial line."""

    baud: int
    data_bits: int = 8
    parity: str = "none"
