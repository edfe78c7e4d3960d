"""The courier of a channel: takes due messages from the queue, hands them over, and fetches receipts.

Nothing is remembered here: a message is counted as an attempt before it is handed over, so a crash repeats one at most,
under the same reference. While a provider is away the queue waits with it, in order and uncounted.
"""

import asyncio
from collections.abc import Sequence

import structlog
from attrs import define, field, frozen

from headend.errors import HeadendError
from headend.notify.manners import Manners
from headend.notify.outgoing import Away, Lane, Later, Outcome, Outgoing, Receipt
from headend.notify.pausing import Pause, pause
from headend.notify.ports import Channel, DeliveryQueue

_log = structlog.get_logger()


@frozen
class CourierRules:
    """At most `at_once` messages at a time; seconds between looks at the queue, and of pauses while nobody answers."""

    at_once: int = 8
    poll_s: float = 1.0
    first_s: float = 1.0
    longest_s: float = 60.0


@define(eq=False)
class Courier:
    """Delivers what is queued for one channel. `run` lasts until `stop`."""

    queue: DeliveryQueue
    lane: Lane
    channel: Channel
    manners: Manners
    rules: CourierRules = field(factory=CourierRules)
    pause: Pause = pause
    away: str | None = field(init=False, default=None)
    handed_over: int = field(init=False, default=0)
    _failures: int = field(init=False, default=0)
    _wake: asyncio.Event = field(init=False, factory=asyncio.Event)
    _stopping: bool = field(init=False, default=False)

    async def run(self) -> None:
        """Deliver until `stop` is called; what is under way then is ended first."""
        try:
            while not self._stopping:
                self._wake.clear()
                if not await self._round():
                    await self.pause(self._wake, self._rest())
        finally:
            await self.channel.close()

    def wake(self) -> None:
        """There may be new messages."""
        self._wake.set()

    def stop(self) -> None:
        """Deliver no more."""
        self._stopping = True
        self._wake.set()

    async def _round(self) -> bool:
        """One batch of messages and of receipts; whether there is reason to look again at once."""
        try:
            batch = await self.queue.claim(self.lane, self.manners, self.rules.at_once)
            outcomes = await asyncio.gather(*(self._deliver(message) for message in batch))
            await self._note(outcomes)
            asked = await self._receipts()
        except HeadendError as error:
            self._failures += 1
            _log.warning("messages can't be delivered now", channel=self.lane.name, error=str(error))
            return False
        if self.away is None:
            self._failures = 0
        return self.away is None and max(len(batch), asked) >= self.rules.at_once

    async def _deliver(self, message: Outgoing) -> Outcome:
        try:
            outcome = await self.channel.send(message)
        except Exception as error:  # noqa: BLE001  told below
            # A channel that breaks its promise must not end the others' messages; the attempt is counted.
            _log.exception("channel failed", channel=self.lane.name, delivery=message.delivery)
            outcome = Later(f"a defect: {type(error).__name__}")
        await self.queue.settle(message, outcome, self.lane, self.manners)
        return outcome

    async def _note(self, outcomes: Sequence[Outcome]) -> None:
        """Remember whether the provider is there, and tell when that changes."""
        gone = [outcome.reason for outcome in outcomes if isinstance(outcome, Away)]
        there = len(outcomes) - len(gone)
        self.handed_over += there
        if gone and not there:
            self._failures += 1
            if self.away is None:
                _log.warning("provider not reachable; messages wait", channel=self.lane.name, error=gone[0])
                await self.queue.channel_changed(self.lane.name, away=True, reason=gone[0])
            self.away = gone[0]
        elif there and self.away is not None:
            _log.info("provider reachable again", channel=self.lane.name)
            await self.queue.channel_changed(self.lane.name, away=False, reason="")
            self.away = None

    async def _receipts(self) -> int:
        if self.lane.look_s is None:
            return 0
        ids = await self.queue.unconfirmed(self.lane, self.manners, self.rules.at_once)
        await asyncio.gather(*(self._ask(one) for one in ids))
        return len(ids)

    async def _ask(self, provider_id: str) -> None:
        try:
            receipt: Receipt | None = await self.channel.ask(provider_id)
        except Exception:  # noqa: BLE001  as above
            _log.exception("channel failed", channel=self.lane.name)
            receipt = None
        if receipt is not None:
            await self.queue.receipt(self.lane.name, receipt, self.manners)

    def _rest(self) -> float:
        if not self._failures:
            return self.rules.poll_s
        return min(self.rules.first_s * float(2 ** min(self._failures - 1, 10)), self.rules.longest_s)
