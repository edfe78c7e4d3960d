"""A whole run: fleet, servers, control port and files, from the options to the last connection."""

import asyncio
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from attrs import frozen

from headend.errors import HeadendError
from simulator.clock import Now, SimulatedTime
from simulator.control import Control, serve_control
from simulator.dialling import Dialling, parse_place
from simulator.export import DIAL_IN, write_consumers, write_inventory, write_keys
from simulator.fleet import Fleet
from simulator.happenings import happen, steps
from simulator.keyed import Nonces
from simulator.listening import ListenError
from simulator.meter import Meter
from simulator.remembering import Memory, Recalled
from simulator.scenario import Scenario, read_scenario
from simulator.server import MeterServer
from simulator.simulation import Simulation
from simulator.sites import Place, gateways, own_ports

#: The meters' own counters start at the seconds since 2026 times this, so that they grow over restarts; 8 years fit.
_COUNTERS_A_SECOND = 16
_COUNTER_EPOCH = 1_767_225_600
_COUNTER_LIMIT = 1 << 32
#: Files that are open beside the meters' sockets.
_FILES_APART = 256


@frozen
class Options:
    """What `simulator run` was asked for."""

    meters: int = 20
    port: int = 4059
    control_port: int | None = None
    host: str = "127.0.0.1"
    seed: int = 1
    scenario: Path | None = None
    gateways: int = 0
    by_address: bool = False
    dial_in: str | None = None
    time_factor: float | None = None
    framing: str = "wrapper"
    counters_from: int | None = None
    remember: Path | None = None
    export_inventory: Path | None = None
    export_keys: Path | None = None
    export_consumers: Path | None = None
    json: bool = False


class OptionsError(HeadendError):
    """Options that don't go together; the text says what to change."""

    exit_code = 2


async def run_simulation(options: Options) -> None:
    """Run until Ctrl-C, SIGTERM or an order to stop; HeadendError with the way out when that can't be."""
    if options.framing == "hdlc" and options.gateways:
        raise OptionsError("--framing hdlc goes with a port or an address for each meter: leave out --gateways")
    if options.dial_in is not None and (options.gateways or options.by_address or options.framing == "hdlc"):
        raise OptionsError("--dial-in goes with neither --gateways nor --by-address, and with --framing wrapper only")
    calling = None if options.dial_in is None else parse_place(options.dial_in)
    scenario = Scenario() if options.scenario is None else read_scenario(options.scenario)
    wall, memory = time.time(), _resident()
    time_factor = scenario.time.factor if options.time_factor is None else options.time_factor
    fleet = _fleet(options, scenario, _simulated_time(options, scenario, wall).now)
    nonces = Nonces(_first_counter(wall) if options.counters_from is None else options.counters_from)
    server = MeterServer(Simulation(fleet, nonces, options.framing))
    _raise_file_limit(options.meters)
    stopped = asyncio.Event()
    control = Control(server, stopped.set)
    dialling = None if calling is None else Dialling(server, *calling)
    with _signals(stopped.set):
        if dialling is None:
            await _listen(server, options)
        else:
            dialling.start()
        listening = await _listen_for_control(control, options)
        try:
            _export(fleet, server.simulation, options)
            _announce(control, listening, (_resident() - memory) // options.meters, options)
            happening = asyncio.create_task(happen(server, steps(scenario, list(fleet.meters)), time_factor))
            await stopped.wait()
            happening.cancel()
        finally:
            if listening is not None:
                listening.close()
            if dialling is not None:
                await dialling.stop()
            await server.close()


def _fleet(options: Options, scenario: Scenario, now: Now) -> Fleet:
    """The fleet, as it was when the simulator ended, where that is remembered."""
    if options.remember is None:
        return Fleet.create(options.meters, options.seed, scenario, now)
    if scenario.time.start is not None or (options.time_factor or scenario.time.factor) != 1.0:
        raise OptionsError("--remember goes with the time of day alone: leave out --time-factor, and [time] as well")
    memory = Memory.open(options.remember, options.seed, options.meters, now())
    clock = Recalled(now, memory.began)
    fleet = Fleet.create(options.meters, options.seed, scenario, clock)
    memory.recall(fleet, clock)
    return fleet


def _simulated_time(options: Options, scenario: Scenario, wall: float) -> SimulatedTime:
    start = wall if scenario.time.start is None else scenario.time.start.timestamp()
    factor = scenario.time.factor if options.time_factor is None else options.time_factor
    return SimulatedTime(int(start * 1000), _steady_ms, _steady_ms(), factor)


def _first_counter(wall: float) -> int:
    return int(wall - _COUNTER_EPOCH) * _COUNTERS_A_SECOND % _COUNTER_LIMIT


def _steady_ms() -> float:
    return time.monotonic() * 1000


async def _listen(server: MeterServer, options: Options) -> None:
    meters = server.simulation.fleet.meters
    if options.by_address:
        await server.listen_by_address(options.port)
    elif options.gateways:
        await server.listen(gateways(meters, options.host, options.port, min(options.gateways, len(meters))))
    else:
        if options.port and options.port + len(meters) - 1 > 0xFFFF:
            last = options.port + len(meters) - 1
            raise ListenError(f"the last meter would need port {last}: lower --port, or use --gateways or --by-address")
        await server.listen(own_ports(meters, options.host, options.port))


async def _listen_for_control(control: Control, options: Options) -> asyncio.Server | None:
    if options.control_port is None:
        return None
    try:
        return await serve_control(control, "127.0.0.1", options.control_port)
    except OSError as error:
        await control.server.close()
        reason = f"port {options.control_port} on 127.0.0.1 can't be the control port ({error.strerror})"
        raise ListenError(f"{reason}: choose another with --control-port, or 0 for any free one") from error


def _export(fleet: Fleet, simulation: Simulation, options: Options) -> None:
    if options.export_inventory is not None:
        scheme = "hdlc+tcp" if options.framing == "hdlc" else "tcp" if options.dial_in is None else DIAL_IN
        write_inventory(options.export_inventory, fleet, _place_of(simulation), scheme)
    if options.export_keys is not None:
        write_keys(options.export_keys, fleet)
    if options.export_consumers is not None:
        write_consumers(options.export_consumers, fleet)


def _place_of(simulation: Simulation) -> Callable[[Meter], Place]:
    return lambda meter: simulation.places[meter.identity.number]


def _announce(control: Control, listening: asyncio.Server | None, memory: int, options: Options) -> None:
    control_port = None if listening is None else listening.sockets[0].getsockname()[1]
    places = control.places()
    if options.json:
        ready = {"ready": True, "meters": places, "control": control_port, "memory_per_meter": memory}
        click.echo(msgspec.json.encode(ready).decode())
        return
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that programs need not wait for

    first, last = places[0], places[-1]
    console = Console(highlight=False)
    console.print(f"[bold]{len(places)} meters[/] ready, {memory / 1024:.1f} KiB each")
    console.print(f"  {first['serial']} at {first['host']}:{first['port']}, server SAP {first['server_sap']}")
    if len(places) > 1:
        console.print(f"  … to {last['serial']} at {last['host']}:{last['port']}, server SAP {last['server_sap']}")
    if control_port is not None:
        console.print(f"  control port {control_port}")
    console.print("Ctrl-C ends it.")


def _resident() -> int:
    """Octets of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def _raise_file_limit(meters: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * meters + _FILES_APART
    if soft < wanted and (hard == resource.RLIM_INFINITY or soft < hard):
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


@contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
