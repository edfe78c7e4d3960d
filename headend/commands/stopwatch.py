"""When each step of a command happened, for the evidence: a reconnect is promised within seconds."""

from collections.abc import Callable


class Stopwatch:
    """Marks with the milliseconds since it was made."""

    __slots__ = ("_marks", "_monotonic", "_started")

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._started = monotonic()
        self._marks: list[str] = []

    def mark(self, name: str) -> None:
        """Note that `name` happened now."""
        self._marks.append(f"{name} {(self._monotonic() - self._started) * 1000:.0f} ms")

    def __str__(self) -> str:
        """All marks in order, `relay read 12 ms, sent 15 ms`."""
        return ", ".join(self._marks)
