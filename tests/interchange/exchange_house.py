"""A head-end on a fresh database, with a clock that a test moves."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from headend.app import open_headend
from headend.commands.model import Evidence, NewCommand, Origin, State, Target
from headend.meters.reading import RelayState
from headend.prepaid.model import Mode
from headend.settings import load_settings

HOUR = timedelta(hours=1)

CONFIGURATION = """
[store]
path = "headend.db"
[policy]
file = "policy.toml"
[payments]
secret_file = "payments.secret"
{extra}
"""
POLICY = """
name = "test"
min_recharge = "100"
grace = "0s"
[notice]
required = "none"
[calendar]
hours = []
days = []
second_saturdays = false
"""
METERS = """serial,logical_device_name,system_title,model,address,server_sap,lane,office,consumer_no,group,time_zone
M1,SIM1,,is15959-single-phase,tcp://127.0.0.1:4059,1,,Ranchi/East,,default,Asia/Kolkata
M2,SIM2,,is15959-single-phase,tcp://127.0.0.1:4059,2,,Ranchi/East,,default,Asia/Kolkata
"""
CONSUMERS = """consumer_no,name,language,mobile,category,office,tariff,protected,balance_source,meter,opening_balance
10000000001,Consumer One,hi,9876543210,domestic,Ranchi/East,default,,ledger,M1,-50.00
10000000002,Consumer Two,en,,domestic,Ranchi/East,default,medical equipment,ledger,M2,500.00
"""
#: Two of them, as while a secret is being changed.
SECRETS = ("a-secret-of-thirty-two-characters", "the-older-secret-of-the-gateway")


class House:
    """`headend` while it is open; `now` is what the services of other systems take for the time of day."""

    def __init__(self, folder, extra=""):
        self.folder = folder
        self.now = datetime.now(UTC)
        self.headend = None
        (folder / "headend.toml").write_text(CONFIGURATION.format(extra=extra))
        (folder / "policy.toml").write_text(POLICY)
        (folder / "meters.csv").write_text(METERS)
        (folder / "consumers.csv").write_text(CONSUMERS)
        secret = folder / "payments.secret"
        secret.write_text("\n".join(SECRETS))
        secret.chmod(0o600)

    @asynccontextmanager
    async def opened(self):
        async with open_headend(load_settings(str(self.folder / "headend.toml"))) as headend:
            self.headend = headend
            await headend.store.registry.import_meters(self.folder / "meters.csv")
            await headend.store.registry.import_consumers(self.folder / "consumers.csv")
            yield self

    @asynccontextmanager
    async def reopened(self):
        """The same house under its configuration as it is now."""
        again = House.__new__(House)
        again.folder, again.now = self.folder, self.now
        async with open_headend(load_settings(str(self.folder / "headend.toml"))) as again.headend:
            yield again

    def clock(self):
        return self.now

    async def events(self, kind):
        return [each for each in await self.headend.store.events.events(0) if each.kind == kind]

    async def cut_for_credit(self, meter):
        """A cut of the policy's, carried out and read back."""
        store, at = self.headend.store, self.now
        await store.switches.set_armed(on=True, by="test")
        await store.switches.set_mode("", Mode.AUTOMATIC, by="test")
        new = NewCommand(meter, Target.DISCONNECTED, "policy:test", Origin.POLICY, "test", "policy", at, at + HOUR)
        command = await store.journal.request(new)
        await self.settle(command, connected=False)

    async def settle(self, command, *, connected, state=State.CONFIRMED, control_state=None):
        """The meter did it: the command is sent and read back so."""
        journal = self.headend.store.journal
        await journal.begin_sending(command.id, self.now, None)
        shown = int(connected) if control_state is None else control_state
        relay = RelayState(connected, shown, 4, self.now)
        return await journal.settle(command.id, state, self.now, Evidence(None, relay, sent=True, note="read back"))
