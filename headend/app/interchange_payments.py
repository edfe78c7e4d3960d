"""The payment webhook without its transport: a signed message of another system becomes booked recharges."""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import structlog
from attrs import Factory, define, frozen

from headend.app.interchange_secrets import secrets_of
from headend.app.recharging import BelowMinimum, book_recharge
from headend.app.wiring import Headend
from headend.errors import HeadendError
from headend.interchange.payments import MessageUnreadable, Payment, Unreadable, read_message
from headend.interchange.signing import verify
from headend.prepaid.durations import duration
from headend.session.ports import Now
from headend.settings import Settings, SettingsError
from headend.storage.accounts import RechargeResult
from headend.storage.errors import PaymentConflict, PaymentInvalid, UnknownConsumer

#: What a payment's end is to HTTP; whatever else goes wrong is ours, and the sender tries again.
_REFUSALS: Final[dict[type[HeadendError], tuple[int, str]]] = {
    UnknownConsumer: (404, "unknown_consumer"),
    PaymentConflict: (409, "payment_conflict"),
    PaymentInvalid: (422, "payment_invalid"),
    BelowMinimum: (422, "below_minimum"),
}
_OK, _PARTLY, _BAD, _UNSIGNED, _UNREADABLE, _TRY_AGAIN = 200, 207, 400, 401, 422, 503

Answer = tuple[int, bytes]
_log = structlog.get_logger()


@frozen
class PaymentRules:
    """The section [payments], checked."""

    source: str
    tolerance: timedelta
    late_after: timedelta

    @classmethod
    def read(cls, settings: Settings) -> "PaymentRules":
        """From the configuration; raises SettingsError."""
        section = settings.document.payments
        try:
            return cls(section.source, duration(section.tolerance), duration(section.late_after))
        except ValueError as error:
            raise SettingsError(f"{settings.source}: payments: {error}") from error


@define(eq=False)
class PaymentDesk:
    """Books what payment systems report. A message may come any number of times; each payment is booked once."""

    headend: Headend
    now: Now = Factory(lambda self: self.headend.clock.now, takes_self=True)

    async def handle(self, headers: dict[str, str], body: bytes) -> Answer:
        """Status and JSON body of the answer to a message; never raises for what the sender did wrong.

        200 all is booked, 207 some of it, 401 the signature, 400 the message, 404, 409, 422 a single payment that is
        refused for good, 503 try again.
        """
        settings = self.headend.setup.settings
        secrets = secrets_of(settings, "payments", settings.document.payments)
        if not secrets:
            return failed(_TRY_AGAIN, "not_configured", "no payments are taken here: [payments] names no secret")
        rules = PaymentRules.read(settings)
        fault = verify(secrets, headers, body, self.now(), rules.tolerance)
        if fault is not None:
            _log.warning("payment message refused", reason=fault.value)
            return failed(_UNSIGNED, fault.value, "the message is not signed as agreed; nothing was booked")
        try:
            message = read_message(body)
        except MessageUnreadable as error:
            return failed(_BAD, "message_unreadable", f"{error}; nothing was booked")
        answered = [await self._one(payment, rules) for payment in message.payments]
        if message.single:
            status, result = answered[0]
            return status, msgspec.json.encode(result)
        statuses = {status for status, _ in answered}
        status = _TRY_AGAIN if _TRY_AGAIN in statuses else _OK if statuses == {_OK} else _PARTLY
        results = [{"status": status, **result} for status, result in answered]
        return status, msgspec.json.encode({"results": results})

    async def _one(self, payment: Payment | Unreadable, rules: PaymentRules) -> tuple[int, dict[str, Any]]:
        if isinstance(payment, Unreadable):
            return _UNREADABLE, _refused(payment.payment_id, "payment_unreadable", payment.reason)
        moment = self.now()
        if payment.paid_at is not None and payment.paid_at > moment + rules.tolerance:
            return _UNREADABLE, _refused(payment.payment_id, "paid_in_the_future", "paid_at lies in the future")
        late = payment.paid_at is not None and moment - payment.paid_at > rules.late_after
        try:
            result = await self._book(payment, rules, moment, late=late)
        except HeadendError as error:
            status, code = _REFUSALS.get(type(error), (_TRY_AGAIN, "try_again"))
            _log.warning("payment not booked", payment=payment.payment_id, consumer=payment.consumer_no, code=code)
            return status, _refused(payment.payment_id, code, str(error))
        return _OK, {
            "payment_id": payment.payment_id,
            "outcome": "repeated" if result.repeated else "booked",
            "late": late,
            "balance_paise": result.balance,
            "command": None if result.command is None else result.command.id,
        }

    async def _book(self, payment: Payment, rules: PaymentRules, moment: datetime, *, late: bool) -> RechargeResult:
        # What is known from now on is booked now: supply and notices follow from when the house learned of it.
        told = [rules.source, payment.channel, f"paid {payment.paid_at.isoformat()}" if payment.paid_at else ""]
        source = ", ".join(part for part in (*told, "late" if late else "") if part)
        return await book_recharge(
            self.headend, payment.consumer_no, payment.amount, payment.payment_id, source, at=moment
        )


def _refused(payment_id: str | None, code: str, reason: str) -> dict[str, Any]:
    return {"payment_id": payment_id, "outcome": "refused", "code": code, "error": reason}


def failed(status: int, code: str, reason: str) -> Answer:
    """The answer to a message of which nothing was booked."""
    return status, msgspec.json.encode({"outcome": "refused", "code": code, "error": reason})
