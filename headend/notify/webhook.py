"""Notices to another system by HTTP: JSON, signed, so that the receiver knows who sent it and when.

The header `Headend-Signature` is `t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>." and the body>`. A receiver that
answers 2xx has it; one that sees the same `reference` again may drop it.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime

from attrs import define, field

from headend.notify.http import Http
from headend.notify.outgoing import Away, Later, Outcome, Outgoing, Receipt, Refused, Taken
from headend.notify.smsspec import HttpRequest

SIGNATURE = "Headend-Signature"


@define(eq=False)
class Webhook:
    """The channel of one receiver."""

    url: str
    secret: str = field(repr=False)
    http: Http
    now: Callable[[], datetime]

    async def send(self, message: Outgoing) -> Outcome:
        """Post one notice."""
        body = _body(message)
        stamp = int(self.now().timestamp())
        headers = {"Content-Type": "application/json", SIGNATURE: signature(self.secret, stamp, body)}
        request = HttpRequest("POST", self.url, headers, content=body)
        answer = await self.http.exchange(request)
        if isinstance(answer, Later | Away):
            return answer
        status, _ = answer
        if 200 <= status < 300:
            return Taken(None)
        reason = f"status {status}"
        # Only 410 says that the receiver never wants it; any other refusal may be repaired within the attempts.
        return Refused(reason) if status == 410 else Later(reason)

    async def ask(self, provider_id: str) -> Receipt | None:  # noqa: ARG002  a receiver gives no ids
        """No receipts come from a receiver."""
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close()


def signature(secret: str, stamp: int, body: bytes) -> str:
    """The value of the signature's header."""
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def _body(message: Outgoing) -> bytes:
    document = {
        "reference": message.reference,
        "consumer_no": message.consumer_no,
        "kind": message.kind.value,
        "key": message.key,
        "at": message.at.isoformat(),
        "language": message.language,
        "text": message.text,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
