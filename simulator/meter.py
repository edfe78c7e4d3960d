"""One single-phase prepaid meter, sans-io: its state, and what happens to it. Clock and seed are handed in."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from attrs import define, field

from simulator.captures import Capture
from simulator.clock import DAY_MS, MeterClock, Now, Setting, month_start
from simulator.consumption import Consumption
from simulator.counters import CounterLedger
from simulator.demand import MaximumDemand
from simulator.events import EventCode, EventLogs
from simulator.identity import Keys, derive_keys, meter_seed
from simulator.load import ORIGIN_DAY, LoadCurve
from simulator.prepaid import PrepaidRegisters, TokenGateway
from simulator.relay import Action, Outcome, Relay

if TYPE_CHECKING:
    from simulator.associations import Role
    from simulator.identity import Identity
    from simulator.plan import MeterPlan

#: Told of each counter that came under a role's key and of each action on the relay, with its value and its time.
Note = Callable[["Role | Action", int, int], None]


@define(eq=False)
class Meter:
    """Values of one meter; what can be asked of it is in the object tree that all meters share.

    `shown` is the identity that it presents: another than its own stands for a wrong meter behind an address.
    """

    identity: "Identity"
    plan: "MeterPlan"
    seed: bytes
    now: Now
    shown: "Identity"
    consumption: Consumption
    clock: MeterClock
    relay: Relay
    prepaid: PrepaidRegisters
    events: EventLogs
    fleet_seed: int
    counters: dict["Role", CounterLedger] = field(factory=dict)
    transferred: dict["Role", Keys] = field(factory=dict, repr=False)
    programming_count: int = 0
    gateway: TokenGateway = field(factory=TokenGateway)
    _note: "Note | None" = None
    _demand: MaximumDemand = field(factory=MaximumDemand)

    @classmethod
    def create(cls, identity: "Identity", plan: "MeterPlan", fleet_seed: int, now: Now) -> "Meter":
        """A meter as it stands on the wall at `now()`, with all its past."""
        seed = meter_seed(fleet_seed, identity.number)
        consumption = Consumption(LoadCurve(seed, plan.mean_watts(seed), plan.flat))
        energy = consumption.energy(now() + plan.zone_minutes * 60_000)
        settings: tuple[Setting, ...] = (Setting(0, plan.clock_offset),)
        if plan.drift_ppm:  # a clock that drifts was right, by its offset, until the meter is looked at
            settings = (*settings, Setting(now(), plan.clock_offset, plan.drift_ppm))
        return cls(
            identity,
            plan,
            seed,
            now,
            identity,
            consumption,
            MeterClock(plan.zone_minutes, plan.deviation, plan.drift_ppm, settings),
            Relay(plan.control_mode),
            PrepaidRegisters(plan.opening_balance, energy, plan.tariff, plan.payment_mode),
            EventLogs(plan.event_depth),
            fleet_seed,
        )

    def local(self, true: int) -> int:
        """True local time, whatever the meter's clock shows."""
        return true + self.plan.zone_minutes * 60_000

    @property
    def energy(self) -> int:
        """The energy register now, in mWh."""
        return self.consumption.energy(self.local(self.now()))

    @property
    def balance(self) -> int:
        """The balance now, in paise."""
        return self.prepaid.balance(self.energy)

    def log(self, code: int) -> None:
        """An event happens now."""
        at = self.now()
        self.events.add(Capture(self.clock.local(at), at, code, self.energy))

    def act(self, action: Action) -> Outcome:
        """Somebody works the relay; supply and event log follow its output."""
        if self._note is not None:
            self._note(action, 0, self.now())
        before = self.relay.output_state
        outcome = self.relay.act(action, self.now())
        if self.relay.output_state is not before:
            self.consumption.supply(self.local(self.now()), on=self.relay.output_state)
            self.log(EventCode.CONNECTED if self.relay.output_state else EventCode.DISCONNECTED)
        elif self.relay.welded and outcome is Outcome.MOVED:
            self.log(EventCode.RELAY_WELD)
        return outcome

    def power_failed(self) -> None:
        """The meter goes down; the relay latches and stays as it is."""
        self.log(EventCode.POWER_FAIL)

    def power_restored(self) -> None:
        """The meter comes back."""
        self.log(EventCode.POWER_RESTORE)

    def set_clock(self, octets: bytes) -> None:
        """Somebody sets the clock; ValueError if `octets` name no instant."""
        self.clock.set(self.now(), octets)
        self.programmed(EventCode.CLOCK_SET)

    def set_payment_mode(self, mode: int) -> None:
        """Postpaid (0) or prepaid (1)."""
        if mode not in (0, 1):
            raise ValueError(f"payment mode {mode} is not defined")
        self.prepaid.switch_mode(mode, self.energy)
        self.programmed(EventCode.TO_PREPAID if mode else EventCode.TO_POSTPAID)

    def programmed(self, code: EventCode | None = None) -> None:
        """A parameter was written; the count is one octet and stops at its largest value."""
        self.programming_count = min(self.programming_count + 1, 255)
        if code is not None:
            self.log(code)

    def set_demand(self, watts: int) -> None:
        """The consumer draws `watts` on average from now on."""
        self.consumption.demand_watts(self.local(self.now()), watts)

    def maximum_demand(self, at: int) -> tuple[int, int]:
        """Of the running month: W, and the local time at which its half hour ended."""
        return self._demand.of_month(self.consumption, month_start(at // DAY_MS), at)

    def power_on_minutes(self, at: int) -> int:
        """Minutes since the registers stood at zero."""
        return (at - ORIGIN_DAY * DAY_MS) // 60_000

    def billing_count(self, at: int) -> int:
        """How many months have ended since the registers stood at zero."""
        return round((month_start(at // DAY_MS) - ORIGIN_DAY) / 30.4369)

    def keys(self, role: "Role") -> Keys:
        """The keys of `role`: those that were transferred last, else the ones it was made with."""
        return self.transferred.get(role) or derive_keys(self.fleet_seed, self.identity.number, role)

    def take_keys(self, role: "Role", keys: Keys) -> None:
        """New keys, in force from the next association on."""
        self.transferred[role] = keys
        self.programmed(EventCode.GLOBAL_KEY_CHANGED)

    def ledger(self, role: "Role") -> CounterLedger:
        """The counters received under that role's key."""
        ledger = self.counters.get(role)
        if ledger is None:
            ledger = self.counters[role] = CounterLedger(None if self._note is None else partial(self._note, role))
        return ledger

    def remember(self, note: Note) -> None:
        """Have `note` told, from now on, of what a meter still knows after its power was gone."""
        self._note = note
        for role, ledger in self.counters.items():
            ledger.note = partial(note, role)
