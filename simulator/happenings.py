"""What happens to the fleet while it runs, as the scenario's `[[happening]]` tables say: outages, tampers, changes."""

import asyncio
from collections.abc import Callable, Iterator

from attrs import evolve, frozen

from simulator.meter import Meter
from simulator.scenario import HappeningSection, Scenario
from simulator.server import MeterServer

#: The event that IS 15959 has for another firmware.
_FIRMWARE_UPGRADED = 157


@frozen
class Step:
    """One thing that happens at one meter, `at` milliseconds of simulated time after the start."""

    at: int
    meter: Meter
    do: Callable[[MeterServer, float], None]


def steps(scenario: Scenario, meters: list[Meter]) -> list[Step]:
    """Everything that will happen, in the order of time."""
    found = [
        step
        for happening in scenario.happening
        for step in _steps(happening, [meter for meter in meters if meter.identity.number in happening])
    ]
    return sorted(found, key=lambda step: step.at)


async def happen(server: MeterServer, planned: list[Step], factor: float) -> None:
    """Let it happen; `factor` is how fast the meters' time runs."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    for step in planned:
        await asyncio.sleep(max(0.0, start + step.at / 1000 / factor - loop.time()))
        step.do(server, factor)


def _steps(happening: HappeningSection, meters: list[Meter]) -> Iterator[Step]:
    begins = round(happening.after_seconds * 1000)
    spread = round(happening.spread_seconds * 1000)
    for place, meter in enumerate(meters):
        at = begins + spread * place // len(meters)
        yield from _STEPS[happening.kind](happening, meter, at)


def _outage(happening: HappeningSection, meter: Meter, at: int) -> Iterator[Step]:
    yield Step(at, meter, lambda server, factor: server.reboot(meter, happening.lasts_seconds / factor))


def _event(happening: HappeningSection, meter: Meter, at: int) -> Iterator[Step]:
    yield Step(at, meter, lambda _server, _factor: meter.log(happening.code))
    if happening.lasts_seconds:
        ends = at + round(happening.lasts_seconds * 1000)
        yield Step(ends, meter, lambda _server, _factor: meter.log(happening.code + 1))


def _firmware(happening: HappeningSection, meter: Meter, at: int) -> Iterator[Step]:
    def change(server: MeterServer, factor: float) -> None:
        period = happening.block_period_seconds or meter.plan.block_period
        meter.plan = evolve(meter.plan, firmware=happening.firmware, block_period=period)
        meter.log(_FIRMWARE_UPGRADED)
        server.reboot(meter, happening.lasts_seconds / factor)

    yield Step(at, meter, change)


def _clock(happening: HappeningSection, meter: Meter, at: int) -> Iterator[Step]:
    yield Step(
        at, meter, lambda _server, _factor: meter.clock.shift(meter.now(), round(happening.offset_seconds * 1000))
    )


_STEPS: dict[str, Callable[[HappeningSection, Meter, int], Iterator[Step]]] = {
    "outage": _outage,
    "event": _event,
    "firmware": _firmware,
    "clock": _clock,
}
