"""Visits that somebody asked to see are recorded, and kept under seal when they are over."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from attrs import define

from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.session.ports import Now
from headend.storage.traces import Traces
from headend.transport.recording import Recording, recording

_log = structlog.get_logger()


@define(eq=False)
class VisitRecorder:
    """Implements `Recorder` of the scheduler on the store's traces."""

    traces: Traces
    now: Now

    @asynccontextmanager
    async def around(self, meter: Meter, requests: tuple[int, ...]) -> AsyncIterator[None]:
        """A visit that answers these read requests; whatever becomes of it, what went over the line is kept."""
        wanted = await self.traces.wanted(requests)
        if wanted is None:
            yield
            return
        kept, began = Recording(), self.now()
        try:
            with recording(kept):
                yield
        finally:
            try:
                await self.traces.keep(meter.serial, *wanted, kept, began)
            except HeadendError as error:
                # The reading is worth more than its picture.
                _log.warning("a recorded visit could not be kept", meter=meter.serial, error=str(error))
