"""What officers and other systems may ask for; each act is audited in its own transaction, and bounded by office."""

from datetime import date
from typing import Any, Protocol

from attrs import frozen

from headend.commands.model import Command
from headend.prepaid.model import EntryKind, Mode


@frozen
class Actor:
    """Who asks: an officer or another system, the way it came, and the office that bounds it."""

    name: str
    office: str
    via: str


class Acts(Protocol):
    """Every act raises Unknown… for what is outside the actor's office, and RefusedByRule where a rule forbids it."""

    async def reconnect(self, actor: Actor, serial: str, reason: str, cause: str | None = None) -> Command:
        """Restore supply; an open disconnect is replaced."""
        ...

    async def disconnect(
        self, actor: Actor, serial: str, reason: str, cause: str | None = None, *, emergency: bool = False
    ) -> Command:
        """Cut supply; switches, caps, hours and protected consumers hold."""
        ...

    async def read_now(self, actor: Actor, serial: str) -> int:
        """Ask for a reading; the number of the request."""
        ...

    async def read_answer(self, actor: Actor, serial: str, request: int) -> Any:  # noqa: ANN401  body, error; None yet
        """The answer of a reading, None while there is none."""
        ...

    async def cancel(self, actor: Actor, command: int, reason: str) -> Command:
        """Cancel what is not sent."""
        ...

    async def release(self, actor: Actor, command: int) -> Command:
        """Let a quarantined command go on; another person than who asked."""
        ...

    async def proposals(self, actor: Actor, office: str) -> Any:  # noqa: ANN401  digest, rows, office, expires_at
        """The cuts that wait, and the digest of this list."""
        ...

    async def approve(self, actor: Actor, digest: str, strike: frozenset[str]) -> Any:  # noqa: ANN401
        """Release a list as it was shown; above the limit the first approval only waits for a second person."""
        ...

    async def first_approval(self, actor: Actor, digest: str) -> tuple[str, frozenset[str]] | None:
        """Who approved a list first, and without which meters, while it waits for a second person."""
        ...

    async def set_kill_switch(self, actor: Actor, *, on: bool) -> None:
        """Stop every disconnect, or allow them again."""
        ...

    async def set_armed(self, actor: Actor, *, on: bool) -> None:
        """Let the policy cut, or not."""
        ...

    async def set_mode(self, actor: Actor, office: str, mode: Mode) -> bool:
        """Set a mode; False where a second person has to confirm it first."""
        ...

    async def confirm_mode(self, actor: Actor, number: int) -> None:
        """Confirm a mode that another person asked for."""
        ...

    async def recharge(self, actor: Actor, consumer_no: str, amount: int, payment_id: str) -> Any:  # noqa: ANN401
        """Book a payment once; supply comes back with it."""
        ...

    async def book(
        self, actor: Actor, consumer_no: str, kind: EntryKind, amount: int, reference: str, reason: str
    ) -> Any:  # noqa: ANN401
        """Book a deposit, a rebate or arrears."""
        ...

    async def propose_correction(self, actor: Actor, consumer_no: str, amount: int, reason: str) -> Any:  # noqa: ANN401
        """Ask for a correction."""
        ...

    async def decide_correction(self, actor: Actor, number: int, *, approve: bool) -> None:
        """Approve or reject a correction; another person than who asked."""
        ...

    async def plan(self, actor: Actor, consumer_no: str, total: int, parts: tuple[int, date], reason: str) -> Any:  # noqa: ANN401
        """Let arrears be paid in monthly parts."""
        ...

    async def ask_number(self, actor: Actor, consumer_no: str, mobile: str) -> str:
        """Send a code to a consumer's new number; the number."""
        ...

    async def confirm_number(self, actor: Actor, consumer_no: str, code: str) -> str:
        """Change the number when the code is right; the new number."""
        ...

    async def close_work(self, actor: Actor, number: int, note: str) -> None:
        """Close an item with what was done."""
        ...

    async def close_complaint(self, actor: Actor, number: int, answer: str) -> None:
        """Close a complaint with an answer."""
        ...
