"""Notices by e-mail, over SMTP."""

from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

import aiosmtplib
from attrs import define, field

from headend.notify.outgoing import Away, Later, Outcome, Outgoing, Receipt, Refused, Taken

Security = Literal["none", "starttls", "tls"]


@define(eq=False)
class Mail:
    """The channel of one mail server; `subjects` by language."""

    host: str
    port: int
    sender: str
    security: Security
    subjects: Mapping[str, str]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_s: float = 20.0

    async def send(self, message: Outgoing) -> Outcome:
        """Send one mail."""
        if message.address is None:
            return Refused("no e-mail address is known")
        try:
            await self._hand_over(self._letter(message, message.address))
        except (aiosmtplib.SMTPException, OSError) as error:
            return _failure(error)
        except ValueError as error:
            return Refused(f"not a mail that can be sent: {type(error).__name__}")
        return Taken(None)

    async def ask(self, provider_id: str) -> Receipt | None:  # noqa: ARG002  a mail server gives no receipts
        """No receipts come by e-mail."""
        return None

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _hand_over(self, letter: EmailMessage) -> None:
        await aiosmtplib.send(
            letter,
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            timeout=self.timeout_s,
        )

    def _letter(self, message: Outgoing, address: str) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self.sender
        letter["To"] = address
        letter["Subject"] = self.subjects.get(message.language) or "Electricity account"
        letter["Date"] = format_datetime(message.at)
        letter["Message-ID"] = f"<{message.reference}@{self.sender.rpartition('@')[2].rstrip('>')}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text)
        return letter


def _failure(error: Exception) -> Outcome:
    match error:
        case aiosmtplib.SMTPConnectError():
            return Away(type(error).__name__)
        case aiosmtplib.SMTPRecipientsRefused():
            codes = sorted(refusal.code for refusal in error.recipients)
            reason = f"recipient refused: {codes}"
            return Refused(reason) if codes and codes[0] >= 500 else Later(reason)
        case aiosmtplib.SMTPResponseException():
            # A server that refuses our name or our mail as such may be repaired; the attempts bound it.
            return Later(f"the server answered {error.code}")
        case _:
            return Later(type(error).__name__)
