"""Event rows to an MQTT broker: in order, at least once, and kept while there is no broker.

The cursor moves only after the broker has acknowledged (QoS 1), so a crash, a lost connection or a broker that is
away for hours costs nothing but a repetition.
"""

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Final

import aiomqtt
import structlog
from attrs import define, field, frozen

from headend.errors import HeadendError
from headend.notify.model import EventRow
from headend.notify.mqtt import MqttSettings, payload_of, topic_of
from headend.notify.pausing import Pause, pause
from headend.notify.ports import EventFeed

SUBSCRIBER: Final = "mqtt"
#: Unacknowledged messages at once: what the client library sends before it waits for the first answer.
_BATCH: Final = 20

_log = structlog.get_logger()


@frozen
class PublisherRules:
    """Seconds: between two looks for new rows, the first and longest pause after a failure, for one answer."""

    poll_s: float = 1.0
    first_s: float = 1.0
    longest_s: float = 60.0
    answer_s: float = 10.0


@define(eq=False)
class Publisher:
    """Publishes every event row of a feed. `run` lasts until `stop`."""

    feed: EventFeed
    settings: MqttSettings
    rules: PublisherRules = field(factory=PublisherRules)
    pause: Pause = pause
    connected: bool = field(init=False, default=False)
    published: int = field(init=False, default=0)
    _failures: int = field(init=False, default=0)
    _wake: asyncio.Event = field(init=False, factory=asyncio.Event)
    _stopping: bool = field(init=False, default=False)

    async def run(self) -> None:
        """Publish until `stop` is called; the rows that are not acknowledged by then wait for the next start."""
        while not self._stopping:
            try:
                async with self._client() as client:
                    self._joined()
                    await _first_of(self._follow(client), _watch(client))
            except (aiomqtt.MqttError, OSError) as error:
                await self._lost(str(error) or type(error).__name__)
            except HeadendError as error:
                await self._lost(f"the events can't be read: {error}")
            finally:
                self.connected = False

    def wake(self) -> None:
        """There are new rows."""
        self._wake.set()

    def stop(self) -> None:
        """Publish no more."""
        self._stopping = True
        self._wake.set()

    def _client(self) -> aiomqtt.Client:
        settings = self.settings
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.user,
            password=settings.password,
            timeout=self.rules.answer_s,
            tls_context=ssl.create_default_context() if settings.tls else None,
        )
        client.pending_calls_threshold = _BATCH
        return client

    async def _follow(self, client: aiomqtt.Client) -> None:
        cursor = await self.feed.cursor(SUBSCRIBER)
        while not self._stopping:
            self._wake.clear()
            rows = await self.feed.events(cursor, _BATCH)
            if not rows:
                self._failures = 0
                await self.pause(self._wake, self.rules.poll_s)
                continue
            await self._publish(client, rows)
            cursor = rows[-1].number
            await self.feed.set_cursor(SUBSCRIBER, cursor)
            self._failures = 0

    async def _publish(self, client: aiomqtt.Client, rows: list[EventRow]) -> None:
        """Hand the rows over in order, then wait for all acknowledgements; the first that fails ends the connection."""
        prefix = self.settings.prefix
        sending = (client.publish(topic_of(prefix, row), payload_of(row), qos=1) for row in rows)
        for outcome in await asyncio.gather(*sending, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        self.published += len(rows)

    def _joined(self) -> None:
        self.connected = True
        _log.info("broker connected", host=self.settings.host, port=self.settings.port)

    async def _lost(self, reason: str) -> None:
        self.connected = False
        self._failures += 1
        wait = min(self.rules.first_s * 2 ** min(self._failures - 1, 10), self.rules.longest_s)
        _log.warning("broker not reachable; events are kept", error=reason, failures=self._failures, retry_s=wait)
        if not self._stopping:
            self._wake.clear()
            await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        """A pause that new rows do not shorten, but stopping does."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not self._stopping and (left := until - loop.time()) > 0:
            await self.pause(self._wake, left)
            if not self._stopping:
                self._wake.clear()


async def _watch(client: aiomqtt.Client) -> None:
    """Raises MqttError as soon as the connection is lost, also while there is nothing to publish."""
    async for _ in client.messages:
        pass


async def _first_of(*works: Coroutine[None, None, None]) -> None:
    """Run until one of them ends, end the others, and raise what that one raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
