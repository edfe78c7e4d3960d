"""Text messages by a gateway's HTTP interface."""

from attrs import define

from headend.notify.http import Http
from headend.notify.outgoing import Away, Later, Outcome, Outgoing, Receipt, Refused
from headend.notify.smsspec import SmsSpec


@define(eq=False)
class SmsGateway:
    """The channel of one gateway."""

    spec: SmsSpec
    http: Http

    async def send(self, message: Outgoing) -> Outcome:
        """Send one text message."""
        if message.address is None:
            return Refused("no mobile number is known")
        request = self.spec.request(message.address, message.text, message.kind, message.language, message.reference)
        if isinstance(request, Refused):
            return request
        answer = await self.http.exchange(request)
        return answer if isinstance(answer, Later | Away) else self.spec.outcome(*answer)

    async def ask(self, provider_id: str) -> Receipt | None:
        """Poll one receipt."""
        request = self.spec.question(provider_id)
        if request is None:
            return None
        answer = await self.http.exchange(request)
        return None if isinstance(answer, Later | Away) else self.spec.answered(provider_id, *answer)

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close()
