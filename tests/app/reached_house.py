"""A store with a few meters and their keys, what hears of them, and pushes as these meters make them."""

from datetime import UTC, datetime
from decimal import Decimal

from attrs import evolve
from store_making import meter, open_sqlite

from headend.app.inventory import Inventory
from headend.app.pushing import Pushing
from headend.dlms import axdr
from headend.dlms.apdu import DataNotification, GeneralGloCiphering
from headend.dlms.axdr import BitString, Data, EncodedData, Tag
from headend.dlms.cosem import Obis
from headend.dlms.security import KeyContext, protect
from headend.meters.reading import Reading
from headend.meters.registry import load_registry
from headend.scheduler.ports import Outcome, VisitRecord

NOW = datetime(2026, 3, 4, 6, 0, 5, tzinfo=UTC)
CLOCK = bytes.fromhex("07ea0304030b1e0000feb600")
REGISTRY = load_registry()

KEYS = """
[[keys]]
meter = "{serial}"
role = "push"
ek = "{ek}"
ak = "{ak}"
"""


def title(number):
    return b"HED" + number.to_bytes(5, "big")


def secret(number, salt=0):
    return bytes((number + salt + octet) % 256 for octet in range(16)), bytes(
        (number + salt + 100 + octet) % 256 for octet in range(16)
    )


def pushing_meter(number):
    return evolve(meter(number), system_title=title(number))


def notification(number=1, status=None, voltage=23012):
    """A DataNotification of a meter: its measured values, or its status word (bits)."""
    device = axdr.octet_string(pushing_meter(number).logical_device_name.encode())
    clock = axdr.octet_string(CLOCK)
    if status is not None:
        word = bytearray(16)
        for bit in status:
            word[bit // 8] |= 0x80 >> bit % 8
        setup = axdr.octet_string(Obis("0.4.25.9.0.255").octets)
        body = axdr.structure(device, setup, clock, Data(Tag.BIT_STRING, BitString(128, bytes(word))))
    else:
        setup = axdr.octet_string(Obis("0.0.25.9.0.255").octets)
        values = (axdr.long_unsigned(each) for each in (voltage, 1, 1, 1, 500, 1, 1, 7, 7))
        body = axdr.structure(device, setup, clock, *values)
    return DataNotification(1, b"", EncodedData(axdr.encode(body))).encode()


def ciphered(apdu, number=1, counter=1, salt=0, control=0x30):
    context = KeyContext(*secret(number, salt))
    sealed = protect(context, title(number), control, counter, apdu)
    return GeneralGloCiphering(title(number), control, counter, sealed).encode()


class Ears:
    """Whoever hears that a meter is there."""

    def __init__(self):
        self.heard_of = []

    def heard(self, meter, tasks=()):
        self.heard_of.append((meter.serial, tasks))


class House:
    """Meters 1 to `count`, with push keys in the store; `clock` is what the house takes for monotonic time."""

    def __init__(self, folder, count=3):
        self.folder = folder
        self.meters = [pushing_meter(number) for number in range(1, count + 1)]
        self.ears = Ears()
        self.clock = 1000.0

    async def open(self):
        self.store = await open_sqlite(self.folder, lambda: NOW)
        for each in self.meters:
            await self.store.registry.add_meter(each)
        await self.import_keys()
        return self

    async def import_keys(self, salt=0):
        file = self.folder / "keys.toml"
        entries = []
        for number, each in enumerate(self.meters, 1):
            ek, ak = secret(number, salt)
            entries.append(KEYS.format(serial=each.serial, ek=ek.hex(), ak=ak.hex()))
        file.write_text("".join(entries))
        await self.store.keys.import_keys(file)

    def pushing(self, **options):
        return Pushing(
            store=self.store,
            inventory=Inventory(self.store.fleet.meters, lambda: self.clock),
            scheduler=self.ears,
            model_of=REGISTRY.get,
            now=lambda: NOW,
            monotonic=lambda: self.clock,
            **options,
        )

    async def visited(self, number=1):
        """A visit told the scaler of the voltage."""
        serial = self.meters[number - 1].serial
        reading = Reading("voltage", "1.0.12.7.0.255", Decimal("229.00"), "V", datetime(2026, 3, 4, 5, tzinfo=UTC))
        await self.store.fleet.record_visit(
            VisitRecord(serial, reading.received, reading.received, Outcome.DONE, None, (reading,)), None
        )

    async def events(self, kind=None):
        return [each for each in await self.store.events.events(0, 10_000) if kind in (None, each.kind)]

    async def latest(self, number=1):
        return {each.name: each for each in await self.store.fleet.latest(self.meters[number - 1].serial)}
