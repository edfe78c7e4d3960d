"""What officers keep by hand: the calendar beside the policy's, protections, work in hand, schedules, recorded visits.

Every act is audited in its own transaction and bounded by office, as in `acts`.
"""

from datetime import date
from typing import Any, Protocol

from headend.prepaid.calendar import Closures, Hours
from headend.web.ports.acts import Actor


class Calendars(Protocol):
    """Hours and days without cuts. To add one is anybody's who may; to lift one asks for a second person."""

    async def closures(self, office: str) -> list[Any]:
        """What officers added and holds, for an office: its own, those above it, those below it."""
        ...

    async def closures_of_house(self) -> Closures:
        """What holds for the whole house, to be put beside a policy's calendar."""
        ...

    async def add_closure(self, actor: Actor, office: str, what: date | Hours, reason: str) -> None:
        """Forbid cuts on a day, or in hours of the week."""
        ...

    async def lift_closure(self, actor: Actor, number: int) -> bool:
        """Lift a closure; False where a second person has to, who does the same."""
        ...

    async def keep_closure(self, actor: Actor, number: int) -> None:
        """It stays after all."""
        ...


class Protecting(Protocol):
    """Consumers whom nobody cuts."""

    async def protection(self, actor: Actor, consumer_no: str) -> Any:  # noqa: ANN401  id, reason, added_by, …; None
        """What an officer gave a consumer, None where no officer gave any."""
        ...

    async def protect(self, actor: Actor, consumer_no: str, reason: str) -> None:
        """Protect a consumer from now on."""
        ...

    async def lift_protection(self, actor: Actor, number: int) -> bool:
        """Lift a protection; False where a second person has to, who does the same."""
        ...

    async def keep_protection(self, actor: Actor, number: int) -> None:
        """It stays after all."""
        ...


class Caring(Protocol):
    """Work that people have in hand."""

    async def work_item(self, actor: Actor, number: int) -> tuple[dict[str, Any], list[Any], list[str]]:
        """An item as its list has it, what was done with it, and who else may take it."""
        ...

    async def take_work(self, actor: Actor, number: int) -> None:
        """Take an item."""
        ...

    async def hand_over_work(self, actor: Actor, number: int, owner: str, note: str) -> None:
        """Give an item to another officer of its office, or to nobody (empty)."""
        ...

    async def note_work(self, actor: Actor, number: int, note: str) -> None:
        """Write down what was found."""
        ...

    async def open_work(self, actor: Actor, serial: str, kind: str, note: str) -> int:
        """Make an item of what a meter was given up for, or of readings that contradict each other; its number."""
        ...

    async def requeue(self, actor: Actor, serials: list[str] | None) -> int:
        """Ask for visits to be tried again at these meters, or (None) at all of the office; how many."""
        ...


class House(Protocol):
    """How the house is set up."""

    async def schedules(self) -> list[dict[str, Any]]:
        """What is read how often, and whether somebody suspended it."""
        ...

    async def suspend(self, actor: Actor, schedule: str, *, on: bool) -> None:
        """Suspend a schedule, or let it go on; for the whole house."""
        ...

    async def keys(self, office: str) -> list[Any]:
        """By role: how many meters have keys, how many lack them, when the newest came. No key is told."""
        ...

    async def keys_of(self, office: str, serial: str) -> list[Any]:
        """The roles that a meter has keys for, and when they came."""
        ...

    async def clock_of(self, office: str, serial: str) -> Any:  # noqa: ANN401  deviation, seen_at, set_at, …
        """How a meter's clock stands: deviation, when seen, when set, and seconds a day that it drifts."""
        ...


class Recordings(Protocol):
    """Visits whose frames somebody asked to see."""

    async def read_traced(self, actor: Actor, serial: str) -> int:
        """Ask for a reading whose visit is recorded; the number of the request."""
        ...

    async def traces(self, office: str, serial: str) -> list[Any]:
        """The recorded visits of a meter, newest first."""
        ...

    async def trace_of_request(self, request: int) -> int | None:
        """The recorded visit of a reading, None while there is none."""
        ...

    async def trace(self, actor: Actor, serial: str, number: int, *, decipher: bool) -> Any:  # noqa: ANN401  a Trace
        """A recorded visit as a tree, ciphered frames opened with the meter's keys if `decipher`; no secret is told."""
        ...


class Care(Calendars, Protecting, Caring, House, Recordings, Protocol):
    """All of it."""
