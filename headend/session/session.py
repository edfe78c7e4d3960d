"""A session: one meter, identified, in one association, with everything a visit does there."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from headend.dlms.enumerations import ActionResult
from headend.dlms.errors import DecodeError
from headend.meters.clock import clock_reading
from headend.meters.inventory import Meter
from headend.meters.model import MeterModel, Profile
from headend.meters.reading import ClockReading, ProfileRows, Reading, RelayState
from headend.session import profiles, registers, relay, topup
from headend.session.balance import Balance
from headend.session.buffers import Span
from headend.session.clocksetting import write_clock
from headend.session.counters import CounterJump
from headend.session.errors import BadValue, NotOffered
from headend.session.identity import check_identity
from headend.session.link import Link
from headend.session.nameplate import nameplate_readings
from headend.session.plans import Plan
from headend.session.ports import Now
from headend.session.services import Services, pairs
from headend.session.shapes import Shape, ShapeCache, ShapeKey

_REGISTERS = "registers"
_NAMEPLATE = "nameplate"


def _nothing() -> None:
    pass


class Session(Services):
    """The meter is the one it should be: that was checked in this association, before anything else was asked.

    `system_title` is what the meter proved, None for a role without keys; `counter_jump` tells that our invocation
    counter was moved ahead.
    """

    __slots__ = ("_firmware", "_now", "_plan", "_shapes", "counter_jump", "meter", "role", "system_title", "zone")

    def __init__(
        self,
        meter: Meter,
        plan: Plan,
        role: str,
        link: Link,
        *,
        now: Now,
        shapes: ShapeCache,
        system_title: bytes | None = None,
        counter_jump: CounterJump | None = None,
    ) -> None:
        super().__init__(meter.serial, link)
        self.meter = meter
        self.role = role
        self.zone = ZoneInfo(meter.time_zone)
        self.system_title = system_title
        self.counter_jump = counter_jump
        self._plan = plan
        self._now = now
        self._shapes = shapes
        self._firmware: str | None = None

    @property
    def model(self) -> MeterModel:
        """The model of this meter."""
        return self._plan.model

    async def confirm_identity(self) -> None:
        """Read the logical device name once more; WrongMeter if it is not this meter's."""
        await check_identity(self._link, self.meter, self._plan)

    async def read_clock(self) -> ClockReading:
        """The meter's clock against ours; BadValue where it states no moment."""
        value = await self.get(self._plan.clock)
        received = self._now()
        reading = None
        if isinstance(value.value, bytes) and len(value.value) == 12:
            reading = clock_reading(value.value, received, self.zone)
        if reading is None:
            raise BadValue(f"meter {self.serial}: its clock states no time")
        return reading

    async def write_clock(self, like: ClockReading) -> None:
        """Set the clock to now, its deviation coded as in `like`; AccessDenied."""
        await write_clock(self, self.model, self._plan.clock, self._now(), self.zone, like)

    async def read_relay(self) -> RelayState:
        """Output state, control state and control mode as they are now."""
        return await relay.read_relay(self, self._plan, self._now)

    async def open_relay(self, sent: Callable[[], None] = _nothing) -> ActionResult:
        """Send remote_disconnect once. For the executor of journalled commands only."""
        return await relay.switch_relay(self, self._plan, relay.REMOTE_DISCONNECT, sent)

    async def close_relay(self, sent: Callable[[], None] = _nothing) -> ActionResult:
        """Send remote_reconnect once. For the executor of journalled commands only."""
        return await relay.switch_relay(self, self._plan, relay.REMOTE_RECONNECT, sent)

    async def read_registers(self) -> tuple[Reading, ...]:
        """Every register of the model that the meter has and lets this role read."""
        values = await registers.read_values(self, self._plan)
        received = self._now()
        self._firmware = registers.firmware_of(self.model, values)
        key = ShapeKey(self.serial, self._firmware, _REGISTERS)
        scalers = await self._shapes.load(key)
        if scalers is None:
            scalers = await registers.read_scalers(self, self._plan)
            await self._shapes.save(key, scalers)
        return tuple(registers.readings(self.model, values, scalers, received, self.zone))

    async def read_balance(self) -> Balance | None:
        """The balance register in paise; None where the model or the meter has none."""
        return await registers.read_balance(self, self._plan, self._now, self.zone)

    async def write_balance(self, paise: int) -> None:
        """Set the balance that the meter keeps; AccessDenied or NotOffered when nothing was changed."""
        await topup.write_balance(self, self.model, paise)

    async def top_up(self, before: int, amount: int, marker: datetime) -> None:
        """Add `amount` to a balance that shows `before`, as the model says; AccessDenied, NotOffered, TokenRefused."""
        await topup.top_up(self, self.model, before, amount, marker)

    async def mark_recharge(self, amount: int, marker: datetime) -> None:
        """Say at the meter which recharge was the last, where the model's way of topping up needs it."""
        await topup.mark_recharge(self, self.model, amount, marker, self.zone)

    async def read_token(self) -> topup.LastToken | None:
        """The token that the gateway took last; None for a model that is not topped up by tokens."""
        return await topup.read_token(self, self.model)

    async def write_recharge(self, paise: int, moment: datetime) -> None:
        """Set amount and time of the last recharge, the time last; AccessDenied or NotOffered."""
        await topup.write_recharge(self, self.model, paise, moment, self.zone)

    async def read_profile(
        self, name: str, since: datetime | None = None, until: datetime | None = None
    ) -> ProfileRows:
        """The rows of a profile captured from `since` to `until` (aware, both included); AccessDenied, NotOffered.

        Rows that do not fit the shape that was kept make it be read again, once: the meter was changed.
        """
        profile = self._profile(name)
        span = Span(since, until, self._now())
        kept = await self._shapes.load(await self._shape_key(profile))
        if kept is not None:
            try:
                return await self._rows(profile, kept, span)
            except BadValue:
                pass
        return await self._rows(profile, await self._new_shape(profile), span)

    async def read_undated(self, name: str) -> dict[str, Any]:
        """The newest row of a profile without a clock (nameplate), plain values by column name."""
        profile = self._profile(name)
        shape = await self._shapes.load(await self._shape_key(profile)) or await self._new_shape(profile)
        return await profiles.read_undated(self, profile, shape)

    async def read_nameplate(self) -> tuple[Reading, ...]:
        """What the meter says of itself, as registers by the names of its nameplate; AccessDenied, NotOffered."""
        values = await self.read_undated(_NAMEPLATE)
        return nameplate_readings(self._profile(_NAMEPLATE), values, self._now())

    async def firmware(self) -> str:
        """The firmware as the meter shows it, asked for once; empty where it shows none."""
        if self._firmware is None:
            register = self.model.register("firmware")
            results = [] if register is None else await self.get_many([register.reference])
            values = {} if register is None else dict(pairs([register.reference], results))
            self._firmware = registers.firmware_of(self.model, values)
        return self._firmware

    async def _rows(self, profile: Profile, shape: Shape, span: Span) -> ProfileRows:
        try:
            reader = profiles.reader_of(self.model, profile, shape, self.zone)
        except DecodeError as error:
            raise BadValue(f"meter {self.serial}: {error}") from error
        return await profiles.read_rows(self, profile, shape, reader, span)

    async def _new_shape(self, profile: Profile) -> Shape:
        shape = await profiles.read_shape(self, profile)
        await self._shapes.save(await self._shape_key(profile), shape)
        return shape

    async def _shape_key(self, profile: Profile) -> ShapeKey:
        return ShapeKey(self.serial, await self.firmware(), profile.name)

    def _profile(self, name: str) -> Profile:
        profile = self.model.profile(name)
        if profile is None:
            known = ", ".join(profile.name for profile in self.model.profiles)
            raise NotOffered(f"meter {self.serial}: model {self.model.name} has no profile {name!r}; it has {known}")
        return profile
