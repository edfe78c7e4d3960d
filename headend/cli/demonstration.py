"""The demonstration: a simulator beside us, a fresh database, one cycle from credit to cut to recharge."""

import asyncio
import json
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from attrs import define, field, frozen

from headend.app import Headend, now, open_headend
from headend.app.delivering import delivering
from headend.app.serving import Served, serving
from headend.cli.livescreen import Screen, as_svg
from headend.cli.output import say
from headend.errors import HeadendError
from headend.prepaid.model import Mode
from headend.prepaid.rules import demonstration_rules
from headend.scheduler.judge import judge_recharge
from headend.settings import load_settings
from headend.storage.board import Counts
from headend.storage.kek import KekError, create_kek_file
from headend.storage.postgres.addresses import shown

#: Who is nearly out of credit (these are cut), and who is out of credit but protected (never cut).
LOW: Final = (2, 7)
PROTECTED: Final = 5
#: The recharge that ends a cut, in paise, and how long a person may look at the dark house first.
RECHARGE: Final = 200_00
PAUSE_S: Final = 4.0

SCENARIO: Final = """
title = "A demonstration"

[meters]
load_watts = 350
opening_balance_paise = 80_000
control_mode = 4
clock_deviation = "mixed"

[consumers]
tariff = "default"
balance_source = "ledger"

[[group]]
meters = "{low}"

[group.settings]
load_kind = "flat"
load_watts = 4000
load_spread_percent = 0
opening_balance_paise = 5

[[group]]
meters = "{protected}"
protected = "medical equipment"
"""

CONFIGURATION: Final = """
[store]
path = "headend.db"
{store}
[keys]
kek_file = "headend.kek"
[policy]
file = "policy.toml"
mode = "automatic"
[web]
listen = "{web}"
[portal]
gateway = "sandbox"
[notices]
quiet_hours = ""
[[channels]]
kind = "inbox"
name = "online"
[[channels]]
kind = "sms"
name = "sms"
url = "http://127.0.0.1:{gateway}/send"
json = {{ to = "{{to}}", text = "{{text}}", coding = "{{coding}}", reference = "{{reference}}" }}
accepted = ["accepted"]
receipts = {{ url = "http://127.0.0.1:{gateway}/status/{{id}}", every = "1s" }}
[[schedules]]
name = "poll"
every = "{every}s"
tasks = ["clock", "relay", "registers", "balance"]
"""


class DemonstrationFailed(HeadendError):  # noqa: N818  an answer, not a fault
    """The demonstration could not be set up."""


@frozen
class Summary:
    """What one cycle did; `relay_edges` and `duplicate_actuations` as the simulator itself counted them.

    `messages`: text messages that were delivered by its end.
    """

    meters: int
    polled: int
    notices: int
    disconnected: int
    reconnected: int
    relay_edges: int
    duplicate_actuations: int
    unknown: int
    counters_reused: int
    messages: int
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether every meter was read, the cut and the restore happened, and the relays saw exactly these."""
        return (
            self.polled == self.meters
            and self.notices > 0
            and self.disconnected == self.reconnected > 0
            and self.relay_edges == self.disconnected + self.reconnected
            and self.duplicate_actuations == self.unknown == self.counters_reused == 0
        )

    @property
    def text(self) -> str:
        """One line for a person."""
        return (
            f"{self.polled} of {self.meters} meters read, {self.notices} notices, "
            f"{self.messages} text messages delivered, {self.disconnected} cut, "
            f"{self.reconnected} restored, {self.relay_edges} relay edges at the meters, "
            f"{self.duplicate_actuations} duplicates, {self.unknown} unknown, {self.seconds:.1f} s"
        )


async def demonstrate(
    count: int, *, headless: bool, timeout_s: float, picture: Path | None = None, url: str | None = None
) -> Summary:
    """Run the demonstration: headless until one cycle is complete, else until Ctrl-C.

    `picture` is where the screen is kept as SVG, as it is while the cut is visible; `url` an empty database on
    PostgreSQL, in which everything is kept and stays, None for a file that goes with the demonstration.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="headend-demo-") as name:
        folder = Path(name)
        async with (
            simulated_fleet(folder, count) as simulator,
            text_messages() as gateway,
            fresh_headend(folder, count, gateway, "" if headless else free_place(), url) as headend,
            delivering(headend),
            serving(headend) as served,
        ):
            tell_addresses(served)
            cycle = Cycle(headend, started, picture)
            collector = headend.collector()
            collecting = asyncio.create_task(collector.run())
            try:
                if headless:
                    await cycle.until_complete(timeout_s, count)
                else:
                    await Screen(headend, cycle.phase).show(cycle)
            finally:
                collector.stop()
                await collecting
            messages = sum(count for _, state, count in await headend.store.deliveries.counts() if state == "delivered")
            counts, stats = await headend.store.board.counts(), await simulator.stats()
            return summary(counts, stats, messages, time.monotonic() - started)


def free_place() -> str:
    """Where the faces are served: the usual port, or any other where that one is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 8080))
        except OSError:
            return "127.0.0.1:0"
    return "127.0.0.1:8080"


def tell_addresses(served: Served | None) -> None:
    """The addresses, for whoever wants to look with a browser."""
    if served is not None:
        say(f"console: {served.welcome or served.console}  (sets your password, then shows the fleet)")
        say(f"portal:  {served.portal}")


def summary(counts: Counts, stats: dict[str, Any], messages: int, seconds: float) -> Summary:
    """The head-end's counts beside the simulator's."""
    return Summary(
        meters=counts.meters,
        polled=counts.polled,
        notices=counts.notices,
        disconnected=counts.disconnected,
        reconnected=counts.reconnected,
        relay_edges=stats["relay_edges"],
        duplicate_actuations=stats["duplicate_actuations"],
        unknown=counts.unknown,
        counters_reused=stats["counters_reused"],
        messages=messages,
        seconds=round(seconds, 1),
    )


@define(eq=False)
class Cycle:
    """What happens in the demonstration beside collection: somebody pays for the consumers who were cut."""

    headend: Headend
    started: float
    picture: Path | None = None
    paid: dict[str, float] = field(factory=dict)
    dark_since: dict[str, float] = field(factory=dict)

    def phase(self) -> str:
        """What a viewer should look at now."""
        if self.paid:
            return "a recharge arrived; supply is restored and read back at the meter"
        if self.dark_since:
            return "cut, and read back at the meter; somebody is on the way to pay"
        return "polling; two consumers are about to use up their credit"

    async def step(self) -> Counts:
        """Pay for who has been dark long enough; the counts."""
        rows = await self.headend.store.board.rows()
        for row in rows:
            consumer = row.consumer_no
            if consumer is None or row.command != "disconnected" or row.command_state != "confirmed":
                continue
            since = self.dark_since.setdefault(consumer, time.monotonic())
            if consumer not in self.paid and time.monotonic() - since > PAUSE_S:
                self.paid[consumer] = time.monotonic()
                await self._recharge(consumer)
        counts = await self.headend.store.board.counts()
        if self.picture is not None and self.dark_since and counts.notices > counts.disconnected:
            self.picture.write_text(as_svg(rows[:24], counts, self.phase()))
            self.picture = None
        return counts

    async def until_complete(self, timeout_s: float, count: int) -> None:
        """Step until everybody who is to be cut was cut and restored, and every meter was read, or time is up."""
        expected = len(low_meters(count))
        while time.monotonic() - self.started < timeout_s:
            counts = await self.step()
            if counts.reconnected >= expected and counts.polled == counts.meters:
                return
            await asyncio.sleep(0.2)

    async def _recharge(self, consumer: str) -> None:
        payment = f"DEMO-{consumer}"
        judge = judge_recharge(self.headend.setup.rules(), payment, RECHARGE)
        await self.headend.store.accounts.recharge(consumer, RECHARGE, payment, now(), "cash desk", judge)


def low_meters(count: int) -> list[int]:
    """The numbers of the meters that run out of credit and may be cut."""
    return [number for number in LOW if number <= count]


@define(eq=False)
class SimulatorProcess:
    """The simulator, and its control port."""

    process: asyncio.subprocess.Process
    control: int

    async def stats(self) -> dict[str, Any]:
        """What the simulated meters counted themselves."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.control)
        try:
            writer.write(b'{"op": "stats"}\n')
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        return answer


@asynccontextmanager
async def simulated_fleet(folder: Path, count: int) -> AsyncIterator[SimulatorProcess]:
    """A simulator with `count` meters on free ports, its files for the import in `folder`."""
    low = [*low_meters(count), *([PROTECTED] if count >= PROTECTED else [])]
    scenario = SCENARIO.format(low=",".join(map(str, low)), protected=min(PROTECTED, count))
    (folder / "scenario.toml").write_text(scenario)
    command = [sys.executable, "-m", "simulator", "run", "--meters", str(count), "--port", "0", "--control-port", "0"]
    command += ["--scenario", str(folder / "scenario.toml"), "--json"]
    for kind in ("inventory", "keys", "consumers"):
        command += [f"--export-{kind}", str(folder / f"{kind}.{'toml' if kind == 'keys' else 'csv'}")]
    # A process group of its own: Ctrl-C at the terminal ends us, and we end the simulator.
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, limit=1 << 26, start_new_session=True
    )
    try:
        assert process.stdout is not None
        ready = await asyncio.wait_for(process.stdout.readline(), 60)
        if not ready:
            raise DemonstrationFailed("the simulator did not start; try `simulator run` to see why")
        yield SimulatorProcess(process, int(json.loads(ready)["control"]))
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def text_messages() -> AsyncIterator[int]:
    """A stand-in for a provider of text messages; its port."""
    command = [sys.executable, "-m", "simulator", "sms-gateway", "--port", "0", "--receipt-after", "1", "--json"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        ready = await asyncio.wait_for(process.stdout.readline(), 60)
        if not ready:
            raise DemonstrationFailed("the SMS gateway did not start; try `simulator sms-gateway` to see why")
        yield int(json.loads(ready)["port"])
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def fresh_headend(
    folder: Path, count: int, gateway: int, web: str = "", url: str | None = None
) -> AsyncIterator[Headend]:
    """A head-end on a new database in `folder`, with the fleet imported, armed; `gateway`: the port for messages.

    `web` is where console and portal are served; empty: nowhere. `url`: an empty database on PostgreSQL instead;
    raises DemonstrationFailed for one that is in use.
    """
    (folder / "policy.toml").write_text(demonstration_rules())
    # A round takes the fleet's time; the demonstration's decisions need one every few seconds.
    store_url = "" if url is None else f"url = {json.dumps(url)}"
    every = max(3, count // 100)
    (folder / "headend.toml").write_text(CONFIGURATION.format(every=every, gateway=gateway, web=web, store=store_url))
    create_kek_file(folder / "headend.kek")
    async with AsyncExitStack() as rooms:
        try:
            headend = await rooms.enter_async_context(
                open_headend(load_settings(str(folder / "headend.toml")), armed=True)
            )
        except KekError as error:
            raise DemonstrationFailed(_in_use(url)) from error
        store = headend.store
        if await store.fleet.meters():
            raise DemonstrationFailed(_in_use(url))
        await store.registry.import_meters(folder / "inventory.csv")
        await store.registry.import_consumers(folder / "consumers.csv")
        await store.keys.import_keys(folder / "keys.toml")
        await store.switches.set_mode("", Mode.AUTOMATIC, by="demonstration")
        yield headend


def _in_use(url: str | None) -> str:
    return f"{shown(url or '')}: a head-end uses this database already; name an empty one"
