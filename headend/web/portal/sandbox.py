"""A payment gateway to try the portal with: no money moves, and it behaves as a real one does on a bad day.

It answers by signed callback: paid, failed, late, twice, failed and then paid after all, or never.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec
from attrs import field, frozen

from headend.prepaid.portal import OnlinePayment, PaymentWord
from headend.web.portal.payments import NotTheGateway

#: The header that carries the signature of the body.
SIGNATURE: Final = "x-sandbox-signature"


class Play(StrEnum):
    """What the sandbox is to do with a payment."""

    PAY = "pay"
    FAIL = "fail"
    LATE = "late"
    TWICE = "twice"
    FAIL_THEN_PAY = "fail_then_pay"
    SILENT = "silent"


#: Which words follow, each True (paid) or False (failed), and whether they come late.
WORDS: Final = {
    Play.PAY: (True,),
    Play.FAIL: (False,),
    Play.LATE: (True,),
    Play.TWICE: (True, True),
    Play.FAIL_THEN_PAY: (False, True),
    Play.SILENT: (),
}


class _Word(msgspec.Struct, forbid_unknown_fields=True):
    payment: str
    amount: int
    status: str
    reference: str


@frozen
class Sandbox:
    """The sandbox; its secret is made anew at each start and leaves the process in no form."""

    secret: bytes = field(factory=lambda: secrets.token_bytes(32), repr=False)
    #: Seconds until a late word.
    late_s: float = 8.0

    @property
    def name(self) -> str:
        """As it stands in the ledger."""
        return "sandbox"

    def address(self, payment: OnlinePayment) -> str:
        """Its page, on this server."""
        return f"/portal/sandbox/{payment.id}"

    def word(self, payment: OnlinePayment, *, paid: bool) -> tuple[dict[str, str], bytes]:
        """A callback as it sends it: headers and body."""
        said = _Word(payment.id, payment.amount, "paid" if paid else "failed", f"SBX{payment.id}")
        body = msgspec.json.encode(said)
        return {SIGNATURE: self._sign(body)}, body

    def read(self, headers: Mapping[str, str], body: bytes) -> PaymentWord:
        """What a callback says; raises NotTheGateway."""
        if not hmac.compare_digest(headers.get(SIGNATURE, "").encode(), self._sign(body).encode()):
            raise NotTheGateway("the signature is wrong")
        try:
            said = msgspec.json.decode(body, type=_Word)
        except msgspec.DecodeError as error:
            raise NotTheGateway(f"the callback can't be read: {error}") from error
        paid = said.status == "paid"
        return PaymentWord(said.payment, said.amount, paid, said.reference, "" if paid else "declined in the sandbox")

    def _sign(self, body: bytes) -> str:
        return hmac.new(self.secret, body, hashlib.sha256).hexdigest()
