"""Messages of other systems, handed to who understands them, within the office of who sends them."""

import structlog
from attrs import define, field

from headend.app.interchange_cim import CimDesk
from headend.app.interchange_payments import PaymentDesk, failed
from headend.app.wiring import Headend
from headend.commands.officers import Deed
from headend.settings import SettingsError
from headend.storage.audit import acting
from headend.web.ports.acts import Actor

_log = structlog.get_logger()


@define(eq=False)
class OtherSystems:
    """Implements `Exchange` of the web faces."""

    headend: Headend
    _payments: PaymentDesk = field(init=False)
    _cim: CimDesk = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Open both desks."""
        self._payments, self._cim = PaymentDesk(self.headend), CimDesk(self.headend)

    async def payments(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Signed payments; who signs them is who acts. A fault of our configuration is no refusal: 503, try again."""
        source = self.headend.setup.settings.document.payments.source
        with acting(Deed(self.headend.clock.now(), source, "api", "take payments")):
            try:
                return await self._payments.handle(headers, body)
            except SettingsError as error:
                _log.error("payments can't be taken", error=str(error))
                return failed(503, "not_configured", "payments can't be taken now; nothing was booked")

    async def cim(self, body: bytes, actor: Actor) -> tuple[int, bytes]:
        """An IEC 61968-9 message."""
        with acting(Deed(self.headend.clock.now(), actor.name, actor.via, "take controls")):
            return await self._cim.handle(body, actor.name)
