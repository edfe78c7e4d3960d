"""A visit under way: opened, carried through, and ended with a result whatever happens in it."""

import asyncio
import traceback

import structlog
from attrs import define
from structlog.contextvars import bound_contextvars

from headend.errors import HeadendError
from headend.scheduler.backlog import Work
from headend.scheduler.outcomes import outcome_of
from headend.scheduler.ports import OpenSession, Outcome
from headend.scheduler.visit import Visit, VisitPorts, VisitResult, record_failure

_log = structlog.get_logger()


@define(eq=False)
class Flight:
    """A visit under way, and the work for the same meter that came too late for it."""

    work: Work
    visit: Visit
    task: asyncio.Task[None] | None = None
    later: Work | None = None

    @property
    def name(self) -> str:
        """What log lines call this visit of the meter: when it began, as the row of the visit has it."""
        return self.visit.started.isoformat()


async def carry(flight: Flight, ports: VisitPorts, open_session: OpenSession, limit_s: float) -> VisitResult:
    """Visit; `limit_s` is the last bound in seconds. Raises nothing but cancellation."""
    meter = flight.work.meter.serial
    try:
        # Every line that is written meanwhile, by whatever room, tells which visit it belongs to.
        with bound_contextvars(meter=meter, visit=flight.name):
            return await _recorded(flight, ports, open_session, limit_s)
    except HeadendError as error:
        _log.error("a visit could not be written", meter=meter, error=str(error))
        return VisitResult(Outcome.FAILED, str(error), tuple(flight.visit.commands))
    except Exception as error:  # noqa: BLE001  one meter's defect must not stop the fleet; it is seen and backed off from
        # As text: a renderer that shows the values of variables would show keys.
        _log.error("a visit ended with a defect", meter=meter, traceback=traceback.format_exc())
        return VisitResult(Outcome.FAILED, f"{type(error).__name__}: {error}", tuple(flight.visit.commands))


async def _recorded(flight: Flight, ports: VisitPorts, open_session: OpenSession, limit_s: float) -> VisitResult:
    requests = tuple(each.id for each in flight.work.reads)
    if ports.recorder is None or not requests:
        return await _visit(flight, ports, open_session, limit_s)
    async with ports.recorder.around(flight.work.meter, requests):
        return await _visit(flight, ports, open_session, limit_s)


async def _visit(flight: Flight, ports: VisitPorts, open_session: OpenSession, limit_s: float) -> VisitResult:
    work, visit = flight.work, flight.visit
    result: VisitResult | None = None
    try:
        async with asyncio.timeout(limit_s), open_session(work.meter) as session:
            result = await visit.run(session)
    except (HeadendError, TimeoutError) as error:
        # A session that fails while it is being closed has done its work.
        if result is not None:
            return result
        await record_failure(ports.store, work, visit.started, ports.now(), error)
        return VisitResult(outcome_of(error), str(error) or "no answer in time", tuple(visit.commands))
    return result
