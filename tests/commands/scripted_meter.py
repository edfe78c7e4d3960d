"""A meter with a relay (IC 70) and a session to it, both scripted: what is lost, refused or late is said beforehand."""

from datetime import UTC, datetime, timedelta

from headend.dlms.enumerations import ActionResult
from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.meters.reading import RelayState
from headend.session.balance import Balance

START = datetime(2026, 3, 4, 6, 0, tzinfo=UTC)
METER = Meter(serial="X1", logical_device_name="ABC0000000000001", model="m", address="memory:x")


class Lost(HeadendError):  # noqa: N818  as the real ones are named
    exit_code = 3


class WrongIdentity(HeadendError):  # noqa: N818
    exit_code = 4


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def now(self):
        return START + timedelta(seconds=self.seconds)

    def monotonic(self):
        return self.seconds

    async def sleep(self, seconds):
        self.seconds += seconds


class Relay:
    """The physical relay: its edges are counted, and so is every ACTION for what already is."""

    def __init__(self, clock, *, mode=4, connected=True, lag=0.0, hidden=False, deaf=False):
        self.clock = clock
        self.mode = mode
        self.control = 1 if connected else 0
        self.contact = connected
        self.edges = []
        self.duplicates = 0
        self.actions = []
        self.lag = lag
        self.hidden = hidden  # whether nothing shows while the relay is on its way
        self._coming = None
        self.deaf = deaf
        self.result = ActionResult.SUCCESS
        self._due = None

    def state(self):
        self._move()
        return RelayState(self.contact, self.control, self.mode, self.clock.now())

    def act(self, target):
        self._move()
        self.actions.append(target)
        if self.result is not ActionResult.SUCCESS:
            return self.result
        wanted = self._wanted(target)
        if wanted == self.control:
            self.duplicates += 1
        if not self.deaf:
            self._coming = wanted
            if not self.hidden:
                self.control = wanted
            self._due = self.clock.seconds + self.lag
            self._move()
        return ActionResult.SUCCESS

    def _wanted(self, target):
        if target == "open":
            return 1 if self.mode == 0 else 0
        return 1 if self.mode in (0, 2, 4) or self.contact else 2

    def press_button(self):
        if self.control == 2:
            self._coming = 1
            self._due = self.clock.seconds
            self._move()

    def _move(self):
        if self._due is not None and self.clock.seconds >= self._due:
            self._due = None
            self.control = self._coming
            if self.contact != (self.control == 1):
                self.contact = self.control == 1
                self.edges.append((self.clock.seconds, self.contact))


class ScriptedSession:
    """`script` maps an operation to how often it goes well before it is lost; 'answer' loses answers of ACTIONs."""

    def __init__(self, relay, *, meter=METER, balance=-500, fails=None, identity=True):
        self.relay = relay
        self.meter = meter
        self.balance = balance
        self.fails = dict(fails or {})
        self.identity = identity
        self.dead = None
        self.log = []

    async def confirm_identity(self):
        self._step("identity")
        if not self.identity:
            raise WrongIdentity("expected ABC0000000000001, found ABC0000000000002")

    async def read_relay(self):
        self._step("relay")
        return self.relay.state()

    async def read_balance(self):
        self._step("balance")
        if self.balance is None:
            return None
        return Balance(self.balance, self.relay.clock.now())

    async def open_relay(self, sent):
        return self._act("open", sent)

    async def close_relay(self, sent):
        return self._act("close", sent)

    def _act(self, target, sent):
        self._step("action")
        result = self.relay.act(target)
        sent()
        self._step("answer")
        return result

    def _step(self, name):
        if self.dead:
            raise Lost(self.dead)
        self.log.append(name)
        if name in self.fails:
            self.fails[name] -= 1
            if self.fails[name] < 0:
                self.dead = f"connection lost at {name}"
                raise Lost(self.dead)
