"""What the portal stands on; storage and the composition root hand it in."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol

from headend.notify.model import Notice
from headend.prepaid.model import AccountView
from headend.prepaid.policy import Policy
from headend.prepaid.portal import (
    Bound,
    Complaint,
    Entry,
    Line,
    LoginCode,
    OnlinePayment,
    PaymentState,
    PaymentWord,
    Statement,
    Subject,
    Usage,
    Whereabouts,
)


class Doors(Protocol):
    """Codes and passwords of consumers."""

    async def ask(self, consumer_no: str, valid_for: timedelta, tries: int) -> LoginCode | None:
        """Make a code; None where nothing can be sent."""
        ...

    async def enter(self, consumer_no: str, code: str) -> Entry:
        """Use a code."""
        ...

    async def password_hash(self, consumer_no: str) -> str | None:
        """The argon2 text of a consumer who has set a password."""
        ...

    async def set_password(self, consumer_no: str, password_hash: str) -> None:
        """Set or change the password."""
        ...

    async def whereabouts(self, consumer_no: str, serial: str) -> Whereabouts | None:
        """The office of a consumer, for one who knows number and meter."""
        ...


class Payments(Protocol):
    """Online payments as they stand."""

    async def start(self, payment: str, consumer_no: str, amount: int, gateway: str) -> OnlinePayment:
        """Note a payment before the consumer goes to the gateway."""
        ...

    async def payment(self, payment: str) -> OnlinePayment:
        """One payment."""
        ...

    async def of_consumer(self, consumer_no: str, limit: int = 100) -> list[OnlinePayment]:
        """The newest payments of a consumer."""
        ...

    async def settle(self, word: PaymentWord, state: PaymentState, reason: str = "") -> OnlinePayment:
        """Write down a word of the gateway and what it means."""
        ...


class Complaints(Protocol):
    """Complaints to the office."""

    async def write(self, consumer_no: str, subject: Subject, text: str) -> Complaint:
        """Hand one in; raises RefusedByRule for one too many."""
        ...

    async def of_consumer(self, consumer_no: str, limit: int = 100) -> list[Complaint]:
        """A consumer's complaints, newest first."""
        ...


class Tries(Protocol):
    """How often somebody tried, kept so that a restart or another process begins nothing anew."""

    async def take(self, bounds: Sequence[tuple[Bound, str]]) -> float:
        """Count one try under each bound's key; 0 when all let it through, else the seconds until they would."""
        ...

    async def admits(self, address: str, consumer_no: str, most: int, span: timedelta) -> bool:
        """Note that an address asks for a consumer number; False where that is one number too many within `span`."""
        ...

    async def forget(self, bound: Bound, key: str) -> None:
        """Begin anew."""
        ...


class Statements(Protocol):
    """The ledger as its owner reads it."""

    async def statement(self, consumer_no: str, month: date) -> Statement:
        """A month, line by line."""
        ...

    async def by_day(self, consumer_no: str, month: date) -> list[Usage]:
        """Use by day."""
        ...

    async def by_month(self, consumer_no: str, last: date, count: int = 12) -> list[Usage]:
        """Use by month."""
        ...

    async def recharges(self, consumer_no: str, limit: int = 50) -> list[Line]:
        """The newest recharges, whichever way they came."""
        ...

    async def receipt(self, consumer_no: str, payment: str) -> Line | None:
        """The line of one recharge."""
        ...


class ShownNotice(Protocol):
    """A notice with what is known of its delivery."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def notice(self) -> Notice:
        """What was said."""
        ...

    @property
    def delivered_at(self) -> datetime | None:
        """When a channel confirmed it."""
        ...


class Accounts(Protocol):
    """Accounts, to be looked at."""

    async def view(self, consumer_no: str, now: datetime) -> AccountView:
        """An account with every fact."""
        ...

    async def notices(self, consumer_no: str, limit: int = 100) -> Sequence[ShownNotice]:
        """The newest notices, newest first."""
        ...


class Inbox(Protocol):
    """Online messages."""

    async def read(self, consumer_no: str, notice: int) -> bool:
        """The consumer has the message on the screen."""
        ...


class Money(Protocol):
    """Books a payment that has come, once, with the reconnect that follows."""

    async def __call__(self, consumer_no: str, amount: int, payment_id: str, source: str) -> object:
        """Book `amount` paise."""
        ...


class CodeSender(Protocol):
    """Sends a code to the registered mobile."""

    async def __call__(self, code: LoginCode) -> None:
        """Send it; what fails is logged and told to nobody."""
        ...


class PolicyOf(Protocol):
    """The rules of an account as they are now."""

    def __call__(self, view: AccountView) -> Policy:
        """The policy."""
        ...


class Gateway(Protocol):
    """A payment gateway: takes the consumer's browser, and tells us afterwards, signed, what became of it."""

    @property
    def name(self) -> str:
        """As it stands in the ledger and in the address of its callback."""
        ...

    def address(self, payment: OnlinePayment) -> str:
        """Where the consumer pays."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes) -> PaymentWord:
        """What a callback says; raises NotTheGateway for one whose signature or form is wrong."""
        ...
