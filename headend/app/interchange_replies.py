"""Final answers and events go out to the systems that asked for them, and wait while these are away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import structlog
from attrs import define, field

from headend.app.interchange_cim import CimDesk, outcome
from headend.app.interchange_export import ExportDesk
from headend.app.wiring import Headend
from headend.errors import HeadendError
from headend.notify.http import Http
from headend.notify.outgoing import Away, Later
from headend.notify.pausing import pause
from headend.notify.smsspec import HttpRequest
from headend.storage.interchange import Exchange

#: Seconds between two looks; an answer is awaited by a program, not by a person.
LOOK_S: Final = 1.0
#: An answer is tried this often, the pauses doubled up to the longest: a day and a half in all.
MOST_TRIES: Final = 150
_FIRST, _LONGEST = timedelta(seconds=2), timedelta(minutes=15)
#: Events in one message.
_BATCH: Final = 200
_CURSOR: Final = "cim"

_log = structlog.get_logger()


@define(eq=False)
class Replier:
    """Sends what is due. An address is used only where `reply_hosts` names it; else the answer becomes an event."""

    headend: Headend
    http: Http
    _stop: asyncio.Event = field(init=False, factory=asyncio.Event)

    async def run(self) -> None:
        """Send until `stop`; a store or a receiver that fails holds nothing else up."""
        while not self._stop.is_set():
            try:
                await self.send_due()
                await self.send_events()
            except HeadendError as error:
                _log.error("answers to other systems can't be sent", error=str(error))
            await pause(self._stop, LOOK_S)

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    async def send_due(self) -> None:
        """Answer every message whose controls have all ended."""
        exchanges = self.headend.store.exchanges
        for exchange in await exchanges.due(self.headend.clock.now()):
            await self._answer(exchange)

    async def send_events(self) -> None:
        """Tell new events to `event_url`, where there is one; what it does not take is told again."""
        url = self.headend.setup.settings.document.cim.event_url
        if url is None:
            return
        events = self.headend.store.events
        cursor = await events.cursor(_CURSOR)
        rows = await events.events(cursor, _BATCH)
        if not rows:
            return
        body = ExportDesk(self.headend).event_rows(rows)
        if body is not None and (error := await self._post(url, body)) is not None:
            _log.warning("events were not taken", error=error)
            await pause(self._stop, _FIRST.total_seconds())
            return
        await events.set_cursor(_CURSOR, rows[-1].number)

    async def _answer(self, exchange: Exchange) -> None:
        exchanges, clock = self.headend.store.exchanges, self.headend.clock
        body, result = CimDesk(self.headend).told(exchange), outcome(exchange)[0].value
        address = exchange.reply_address
        if address is None or not self._allowed(address):
            await exchanges.replied(exchange.id, clock.now(), result, body.decode())
            return
        error = await self._post(address, body)
        if error is None:
            await exchanges.replied(exchange.id, clock.now(), result, None)
            return
        wait = min(_FIRST * 2 ** min(exchange.tries, 20), _LONGEST)
        again = None if exchange.tries + 1 >= MOST_TRIES else wait
        await exchanges.reply_failed(exchange.id, error, clock.now(), again)

    def _allowed(self, address: str) -> bool:
        """Whether the house lets answers go there: a sender must not make us call whom it likes."""
        try:
            parts = urlsplit(address)
            place = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        except ValueError:
            return False
        hosts = self.headend.setup.settings.document.cim.reply_hosts
        return parts.scheme in ("http", "https") and not parts.username and place in hosts

    async def _post(self, url: str, body: bytes) -> str | None:
        """None when it was taken, else why not."""
        request = HttpRequest("POST", url, {"Content-Type": "application/xml; charset=utf-8"}, content=body)
        answered = await self.http.exchange(request)
        if isinstance(answered, Later | Away):
            return answered.reason
        return None if 200 <= answered[0] < 300 else f"status {answered[0]}"


@asynccontextmanager
async def replying(headend: Headend) -> AsyncIterator[Replier]:
    """Answers and events go out while the block runs."""
    http = Http(headend.setup.settings.document.cim.timeout_s)
    replier = Replier(headend, http)
    task = asyncio.create_task(replier.run(), name="answers to other systems")
    try:
        yield replier
    finally:
        replier.stop()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await http.close()
