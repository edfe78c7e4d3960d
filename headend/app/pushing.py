"""Takes what meters push: who it is from, whether it is proven and new, what it means; then into the store, once."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import structlog
from attrs import define, evolve, field, frozen

from headend.app.answering import Scheduler
from headend.app.inventory import Inventory
from headend.dlms.apdu import EventNotification, GeneralBlockTransfer, decode
from headend.dlms.errors import ProtocolError, RemoteError, SecurityError
from headend.dlms.push import Allowance, Allowances, Push, PushKeys, PushListener, PushRefused
from headend.dlms.security import KeyContext
from headend.errors import HeadendError
from headend.meters.events import logs_of, severity_of
from headend.meters.inventory import Meter
from headend.meters.model import MeterModel
from headend.scheduler.plan import BASE_TASKS
from headend.session.pushes import ALERT, EVENT, RECEIVED, PushMeaning, PushRecord, read_push, sender_names
from headend.storage.pushes import PUSH_ROLE
from headend.storage.store import Store

#: Seconds after which the keys of a title are looked up again, so that new ones are in force within a minute.
KEYS_FRESH_S: Final = 60.0
#: Titles whose keys are held unwrapped.
KEYS_KEPT: Final = 20_000
#: Visits that the pushes of one meter may ask for, and event rows about its pushes that were refused.
VISITS: Final = Allowance(rate=1 / 60, burst=3)
REFUSALS: Final = Allowance(rate=1 / 300, burst=3)
TOLD: Final = Allowance(rate=0.2, burst=20)
#: general-glo-ciphering with a system title of eight octets, and general-block-transfer.
_GENERAL_GLO: Final = b"\xdb\x08"
_TITLE_END: Final = 10
_BLOCK: Final = b"\xe0"

_log = structlog.get_logger()


@frozen
class _Known:
    """The keys of one title, when they were looked up, and what they were then (None: there are none)."""

    keys: PushKeys | None
    secrets: tuple[bytes, bytes] | None = field(repr=False)
    at: float


@define(eq=False)
class Pushing:
    """Takes one APDU after the other. `counts` tells what became of them."""

    store: Store
    inventory: Inventory
    scheduler: Scheduler
    model_of: Callable[[str], MeterModel]
    now: Callable[[], datetime]
    takes_plain: bool = False
    monotonic: Callable[[], float] = time.monotonic
    counts: Counter[str] = field(factory=Counter)
    _listener: PushListener = field(init=False)
    _known: OrderedDict[bytes, _Known] = field(init=False, factory=OrderedDict)
    _visits: Allowances = field(init=False, factory=lambda: Allowances(VISITS))
    _refusals: Allowances = field(init=False, factory=lambda: Allowances(REFUSALS))
    _told: Allowances = field(init=False, factory=lambda: Allowances(TOLD))

    def __attrs_post_init__(self) -> None:
        """The listener asks for keys that were looked up before."""
        self._listener = PushListener(self._keys_of, takes_plain=self.takes_plain)

    async def take(self, apdu: bytes, place: str, caller: str | None = None) -> bool:
        """Take one APDU from `place`, address and port; False where it was refused and its stream is not worth keeping.

        `caller` is the serial of the meter whose own call it came over. Never raises for what came in; a StorageError
        is raised, since the push is lost then.
        """
        title = claimed_title(apdu)
        if title is not None:
            await self._look_up(title)
        peer = place.rpartition(":")[0] or place
        match self._listener.receive(apdu, peer, self.monotonic(), stream=place):
            case None:
                return True
            case Push() as push:
                return await self._accept(push, peer, caller)
            case PushRefused(error, claimed):
                await self._refuse(error, claimed, peer)
                return False

    def forget(self, place: str) -> None:
        """The stream from `place` ended."""
        self._listener.forget(place)

    def _keys_of(self, title: bytes) -> PushKeys | None:
        known = self._known.get(title)
        return None if known is None else known.keys

    async def _look_up(self, title: bytes) -> None:
        """Have the keys of a title at hand, if it is a meter's; what nobody knows is not remembered either."""
        now = self.monotonic()
        known = self._known.get(title)
        if known is not None and now - known.at <= KEYS_FRESH_S:
            self._known.move_to_end(title)
            return
        meter = (await self.inventory.current()).titled(title) or (await self.inventory.again()).titled(title)
        if meter is None:
            self._known.pop(title, None)
            return
        found = await self._load(meter, now)
        if known is not None and known.secrets != found.secrets:
            self._listener.renew(title)
        self._known[title] = found
        if len(self._known) > KEYS_KEPT:
            self._known.popitem(last=False)

    async def _load(self, meter: Meter, now: float) -> _Known:
        keys = await self.store.keys.keys(meter.serial, PUSH_ROLE)
        if keys is None or keys.encryption is None or keys.authentication is None:
            return _Known(None, None, now)
        role = self.model_of(meter.model).roles.get(PUSH_ROLE)
        last = await self.store.counters.received(meter.serial, PUSH_ROLE)
        context = KeyContext(keys.encryption, keys.authentication)
        pinned = PushKeys(context, suite=0 if role is None else role.suite, last_received=last)
        if role is not None and role.protection.bits:
            pinned = evolve(pinned, policy=role.protection.bits)
        return _Known(pinned, (keys.encryption, keys.authentication), now)

    async def _accept(self, push: Push, peer: str, caller: str | None) -> bool:
        try:
            meter = await self._sender(push, caller)
            if meter is None:
                await self._refuse(SecurityError("a push from nobody of the inventory"), push.system_title, peer)
                return False
            meaning = await self._read(push, meter)
        except ProtocolError as error:
            await self._refuse(RemoteError(f"a push that can't be read: {error}"), push.system_title, peer)
            return False
        record = self._record(push, meter, meaning)
        if not await self.store.fleet.record_push(record):
            await self._refuse(SecurityError("a push whose counter was used before"), push.system_title, peer)
            return False
        self.counts[record.kind] += 1
        if record.kind != RECEIVED or meaning.unscaled:
            self._ask_visit(meter, meaning.alerts)
        return True

    async def _sender(self, push: Push, caller: str | None) -> Meter | None:
        """The meter that a push is from: by its title, or in clear by its own word."""
        directory = await self.inventory.current()
        if push.system_title is not None:
            return directory.titled(push.system_title)
        named = (directory.named(name) for name in sender_names(push.apdu))
        meter = next((each for each in named if each is not None), None)
        if meter is None and caller is not None:
            meter = await self.store.fleet.meter(caller)
        return meter

    async def _read(self, push: Push, meter: Meter) -> PushMeaning:
        newest = {reading.obis: reading for reading in await self.store.fleet.latest(meter.serial)}
        return read_push(push.apdu, meter, self.model_of(meter.model), newest, self.now())

    def _record(self, push: Push, meter: Meter, meaning: PushMeaning) -> PushRecord:
        payload: dict[str, Any] = {
            "setup": meaning.setup,
            "clock": None if meaning.clock is None else meaning.clock.isoformat(),
            "authenticated": push.authenticated,
            "values": meaning.values,
        }
        if meaning.alerts:
            payload["alerts"] = meaning.alerts
            payload["severity"] = severity_of(meaning.alerts).value
            payload["office"] = meter.office
        is_event = isinstance(push.apdu, EventNotification)
        return PushRecord(
            meter=meter.serial,
            received=self.now(),
            kind=ALERT if meaning.alerts else EVENT if is_event else RECEIVED,
            payload=payload,
            counter=push.invocation_counter if push.authenticated else None,
            # Anybody can say anything in clear: such values are shown, and nothing ever rests on them.
            readings=meaning.readings if push.authenticated else (),
        )

    def _ask_visit(self, meter: Meter, alerts: tuple[str, ...]) -> None:
        """Have the meter visited: what it is, and the logs that tell when its alerts began."""
        if self._visits.take(meter.serial, self.monotonic()):
            self.scheduler.heard(meter, (*BASE_TASKS, *logs_of(alerts)))

    async def _refuse(self, error: HeadendError, title: bytes | None, peer: str) -> None:
        """Count; tell the log now and then, and of a meter that is known write an event now and then."""
        now = self.monotonic()
        self.counts["refused"] += 1
        if self._told.take("pushes", now):
            _log.warning("push refused", peer=peer, title=None if title is None else title.hex(), error=str(error))
        meter = None if title is None else (await self.inventory.current()).titled(title)
        if meter is not None and self._refusals.take(meter.serial, now):
            payload = {"peer": peer, "text": str(error)}
            await self.store.events.tell(self.now(), "push.refused", meter=meter.serial, payload=payload)


def claimed_title(apdu: bytes) -> bytes | None:
    """The system title that a push claims to be from, also one that begins in the first of several blocks."""
    if apdu[:1] == _BLOCK:
        try:
            block = decode(apdu)
        except RemoteError:
            return None
        apdu = block.data if isinstance(block, GeneralBlockTransfer) and block.block_number == 1 else b""
    return apdu[2:_TITLE_END] if apdu.startswith(_GENERAL_GLO) and len(apdu) >= _TITLE_END else None
