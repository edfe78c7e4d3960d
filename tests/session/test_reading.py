"""What a session makes of a meter's objects: clock, relay, registers, balance, profiles, and what it keeps of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve
from server_meter import METER, MODEL, NOW, House

from headend.dlms import axdr
from headend.dlms.cosem import CaptureObject
from headend.dlms.enumerations import Conformance, DataAccessResult
from headend.meters.clock import DeviationSign, clock_octets, clock_to_utc
from headend.meters.model import Money
from headend.session.errors import AccessDenied, BadValue, NotOffered
from headend.session.shapes import MemoryShapes, Shape, ShapeKey
from headend.session.visit import Visitor

INDIA = ZoneInfo("Asia/Kolkata")
BLOCK_LOAD = "1.0.99.1.0.255"
SCALERS = "1.0.94.91.4.255"
CLOCK = CaptureObject(8, "0.0.1.0.0.255", 2)
VOLTAGE = CaptureObject(3, "1.0.12.27.0.255", 2)
ENERGY = CaptureObject(3, "1.0.1.29.0.255", 2)
HEALTH = CaptureObject(1, "0.0.96.10.1.255", 2)
PERIOD = timedelta(minutes=30)
FIRST = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)


def objects(house):
    return house.meter.objects


def relay(house, connected=True, state=1, mode=4):  # noqa: FBT002
    values = {2: axdr.boolean(connected), 3: axdr.enum(state), 4: axdr.enum(mode)}
    for attribute, value in values.items():
        objects(house)[(70, "0.0.96.3.10.255", attribute)] = value


def scaler(exponent, unit):
    return axdr.structure(axdr.integer(exponent), axdr.enum(unit))


class Profile:
    """A block load profile with one row each half hour; what selective access it takes is up to the test."""

    def __init__(self, house, count=48, *, by_range=True, by_entry=True):
        self.asked = []
        self.by_range, self.by_entry = by_range, by_entry
        self.captured = [CLOCK, VOLTAGE, ENERGY, HEALTH]
        self.rows = [self.row(FIRST + PERIOD * n, n) for n in range(count)]
        at = objects(house)
        at[(7, BLOCK_LOAD, 2)] = self.buffer
        at[(7, BLOCK_LOAD, 3)] = lambda _: axdr.array(*(entry.to_data() for entry in self.captured))
        at[(7, BLOCK_LOAD, 4)] = axdr.double_long_unsigned(1800)
        at[(7, BLOCK_LOAD, 7)] = lambda _: axdr.double_long_unsigned(len(self.rows))
        at[(7, SCALERS, 3)] = axdr.array(
            CaptureObject(3, VOLTAGE.instance, 3).to_data(), CaptureObject(3, ENERGY.instance, 3).to_data()
        )
        at[(7, SCALERS, 2)] = axdr.array(axdr.structure(scaler(-2, 35), scaler(0, 30)))

    def row(self, moment, number):
        clock = clock_octets(moment, INDIA, DeviationSign.INVERTED)
        return axdr.structure(
            axdr.octet_string(clock),
            axdr.long_unsigned(23000 + number),
            axdr.double_long_unsigned(100 + number),
            axdr.unsigned(0),
        )

    def buffer(self, access):
        self.asked.append(None if access is None else access.selector)
        if access is None:
            return axdr.array(*self.rows)
        if access.selector == 1 and self.by_range:
            _, start, end, _ = access.parameters.value
            low, high = (clock_to_utc(bound.value, INDIA).utc for bound in (start, end))
            return axdr.array(*(r for r in self.rows if low <= clock_to_utc(r.value[0].value, INDIA).utc <= high))
        if access.selector == 2 and self.by_entry:
            first, last, _, _ = (item.value for item in access.parameters.value)
            return axdr.array(*self.rows[first - 1 : last])
        return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED


def evolve_now(house, now):
    visitor = house.visitor()
    return Visitor(
        visitor.keys, visitor.counters, visitor.connect, lambda: now, visitor.monotonic, visitor.random_bytes
    )


@pytest.mark.parametrize(("sign", "inverted"), [(DeviationSign.BLUE_BOOK, False), (DeviationSign.INVERTED, True)])
async def test_the_clock_is_understood_with_either_sign_of_its_deviation(sign, inverted):
    house = House()
    octets = clock_octets(NOW + timedelta(seconds=7), INDIA, sign)
    objects(house)[(8, "0.0.1.0.0.255", 2)] = axdr.octet_string(octets)
    async with house.visit() as session:
        clock = await session.read_clock()
    assert clock.meter_time == NOW + timedelta(seconds=7)
    assert clock.deviation == 7
    assert clock.inverted_sign is inverted
    assert clock.raw == octets


@pytest.mark.parametrize("value", [axdr.octet_string(b"\xff" * 12), axdr.octet_string(b"\x07"), axdr.null()])
async def test_a_clock_that_states_no_time_is_said(value):
    house = House()
    objects(house)[(8, "0.0.1.0.0.255", 2)] = value
    async with house.visit() as session:
        with pytest.raises(BadValue, match="its clock states no time"):
            await session.read_clock()


async def test_the_relay_is_read_in_one_piece():
    house = House()
    relay(house, connected=False, state=2, mode=1)
    async with house.visit() as session:
        before = len(house.meter.seen)
        state = await session.read_relay()
        assert len(house.meter.seen) == before + 1
    assert (state.connected, state.control_state, state.control_mode, state.read_at) == (False, 2, 1, NOW)


async def test_a_relay_that_can_t_be_read_is_no_guess():
    house = House()
    relay(house)
    objects(house)[(70, "0.0.96.3.10.255", 4)] = DataAccessResult.READ_WRITE_DENIED
    async with house.visit() as session:
        with pytest.raises(AccessDenied, match="attribute 4"):
            await session.read_relay()


async def test_a_relay_state_of_another_type_is_no_guess():
    house = House()
    relay(house)
    objects(house)[(70, "0.0.96.3.10.255", 2)] = axdr.unsigned(1)
    async with house.visit() as session:
        with pytest.raises(BadValue, match="relay state as unsigned"):
            await session.read_relay()


@pytest.mark.parametrize(("method", "number"), [("open_relay", 1), ("close_relay", 2)])
async def test_the_relay_is_switched_by_one_action(method, number):
    house = House()
    relay(house)
    async with house.visit() as session:
        await getattr(session, method)()
    assert house.meter.actions == [("0.0.96.3.10.255", number)]


async def test_registers_are_scaled_by_what_the_meter_says():
    house = House()
    at = objects(house)
    at[(3, "1.0.1.8.0.255", 2)] = axdr.double_long_unsigned(1234)
    at[(3, "1.0.1.8.0.255", 3)] = scaler(1, 30)
    at[(3, "1.0.12.7.0.255", 2)] = axdr.long_unsigned(23012)
    at[(3, "1.0.12.7.0.255", 3)] = scaler(-2, 35)
    at[(3, "1.0.14.7.0.255", 2)] = axdr.long_unsigned(500)  # and no scaler: it can't be used
    async with house.visit() as session:
        found = {reading.name: reading for reading in await session.read_registers()}
    assert (found["energy_import"].value, found["energy_import"].unit) == (Decimal(12340), "Wh")
    assert (found["voltage"].value, found["voltage"].unit) == (Decimal("230.12"), "V")
    assert "frequency" not in found


async def test_scalers_are_asked_for_once_per_firmware():
    house = House(shapes=MemoryShapes())
    at = objects(house)
    at[(3, "1.0.1.8.0.255", 2)] = axdr.double_long_unsigned(1234)
    at[(3, "1.0.1.8.0.255", 3)] = scaler(1, 30)
    at[(1, "1.0.0.2.0.255", 2)] = axdr.octet_string(b"V1")

    async def requests():
        before = len(house.meter.seen)
        async with house.visit() as session:
            await session.read_registers()
        return len(house.meter.seen) - before

    first = await requests()
    assert await requests() < first
    at[(1, "1.0.0.2.0.255", 2)] = axdr.octet_string(b"V2")
    assert await requests() == first


@pytest.mark.parametrize(("money", "paise"), [(Money.PAISE, -1250), (Money.RUPEES, -125000)])
async def test_the_balance_is_paise_whatever_the_model_counts_in(money, paise):
    house = House()
    objects(house)[(1, "0.0.94.96.24.255", 2)] = axdr.double_long(-1250)
    objects(house)[(1, "0.0.94.96.25.255", 2)] = axdr.octet_string(clock_octets(FIRST, INDIA))
    model = evolve(MODEL, prepaid=evolve(MODEL.prepaid, money=money))
    async with house.visitor().visit(METER, model, "setting", 60) as session:
        balance = await session.read_balance()
    assert (balance.paise, balance.meter_time, balance.received) == (paise, FIRST, NOW)


async def test_a_meter_without_a_balance_has_none():
    house = House()
    async with house.visit() as session:
        assert await session.read_balance() is None


@pytest.mark.parametrize("value", [axdr.boolean(True), axdr.octet_string(b"12"), axdr.float32(1.5)])  # noqa: FBT003
async def test_a_balance_that_is_no_whole_number_is_no_balance(value):
    house = House()
    objects(house)[(1, "0.0.94.96.24.255", 2)] = value
    async with house.visit() as session:
        with pytest.raises(BadValue, match="the balance is"):
            await session.read_balance()


async def test_a_profile_is_read_by_range_with_both_ends():
    house = House()
    profile = Profile(house)
    async with house.visit() as session:
        found = await session.read_profile("block_load", FIRST + PERIOD * 2, FIRST + PERIOD * 4)
    assert profile.asked == [1]
    assert [row.time for row in found.rows] == [FIRST + PERIOD * n for n in (2, 3, 4)]
    assert [row.values for row in found.rows] == [(23000 + n, 100 + n, 0) for n in (2, 3, 4)]
    assert [(c.name, c.exponent, c.unit) for c in found.columns] == [
        ("voltage_average", -2, "V"),
        ("energy_import_block", 0, "Wh"),
        ("health", 0, ""),
    ]


async def test_an_open_end_reads_to_the_newest_row():
    house = House()
    Profile(house)
    async with house.visit() as session:
        found = await session.read_profile("block_load", FIRST + PERIOD * 46)
    assert len(found.rows) == 2


async def test_entries_are_read_where_the_meter_refuses_a_range():
    house = House()
    profile = Profile(house, count=24, by_range=False)  # its newest row is of 06:00, which is now
    async with house.visit() as session:
        found = await session.read_profile("block_load", NOW - PERIOD * 3, NOW - PERIOD)
    assert profile.asked == [1, 2]
    assert [row.time for row in found.rows] == [NOW - PERIOD * 3, NOW - PERIOD * 2, NOW - PERIOD]


async def test_the_whole_buffer_is_read_and_cut_where_the_meter_selects_nothing():
    house = House()
    profile = Profile(house, by_range=False, by_entry=False)
    async with house.visit() as session:
        found = await session.read_profile("block_load", FIRST, FIRST + PERIOD)
    assert profile.asked == [1, 2, None]
    assert [row.time for row in found.rows] == [FIRST, FIRST + PERIOD]


@pytest.mark.parametrize("by_range", [False, True])
async def test_a_long_span_is_read_in_pieces_and_every_row_once(by_range):
    house = House()
    profile = Profile(house, count=4500, by_range=by_range)
    last = FIRST + PERIOD * 4499
    visitor = evolve_now(house, last)
    async with visitor.visit(METER, MODEL, "setting", 60) as session:
        found = await session.read_profile("block_load", FIRST, last)
    assert [row.time for row in found.rows] == [FIRST + PERIOD * n for n in range(4500)]
    assert profile.asked == ([1, 1, 1] if by_range else [1, 2, 2, 2])


async def test_everything_is_read_in_pages_where_it_is_much():
    house = House()
    profile = Profile(house, count=4500)
    async with house.visit() as session:
        found = await session.read_profile("block_load")
    assert len(found.rows) == 4500
    assert profile.asked == [2, 2, 2]


async def test_what_the_meter_refused_once_is_not_asked_again_in_one_reading():
    house = House()
    profile = Profile(house, count=4500, by_range=False, by_entry=False)
    async with house.visit() as session:
        found = await session.read_profile("block_load", FIRST, FIRST + PERIOD * 4400)
    assert len(found.rows) == 4401
    assert profile.asked == [1, 2, None]


async def test_a_meter_without_selective_access_is_not_asked_for_it():
    house = House()
    house.meter.conformance &= ~Conformance.SELECTIVE_ACCESS
    profile = Profile(house)
    async with house.visit() as session:
        found = await session.read_profile("block_load", FIRST, FIRST)
    assert profile.asked == [None]
    assert len(found.rows) == 1


async def test_without_a_scaler_profile_each_register_is_asked():
    house = House()
    Profile(house)
    at = objects(house)
    del at[(7, SCALERS, 2)]
    at[(3, str(VOLTAGE.instance), 3)] = scaler(-1, 35)
    async with house.visit() as session:
        found = await session.read_profile("block_load", FIRST, FIRST)
    assert (found.columns[0].exponent, found.columns[0].unit) == (-1, "V")


async def test_capture_objects_are_asked_for_once_per_meter_and_firmware():
    house = House(shapes=MemoryShapes())
    Profile(house)

    async def requests():
        before = len(house.meter.seen)
        async with house.visit() as session:
            await session.read_profile("block_load", FIRST, FIRST)
        return len(house.meter.seen) - before

    first = await requests()
    assert await requests() < first
    objects(house)[(1, "1.0.0.2.0.255", 2)] = axdr.octet_string(b"V2")
    assert await requests() == first


async def test_rows_that_no_longer_fit_make_the_shape_be_read_again():
    house = House(shapes=MemoryShapes())
    profile = Profile(house)
    async with house.visit() as session:
        await session.read_profile("block_load", FIRST, FIRST)
    profile.captured = [CLOCK, VOLTAGE, ENERGY]
    profile.rows = [axdr.structure(*row.value[:3]) for row in profile.rows]
    async with house.visit() as session:
        found = await session.read_profile("block_load", FIRST, FIRST)
    assert len(found.columns) == 2


async def test_a_profile_that_the_model_does_not_have_is_named():
    async with House().visit() as session:
        with pytest.raises(NotOffered, match="no profile 'weekly'"):
            await session.read_profile("weekly")


async def test_a_profile_that_the_meter_does_not_have_is_refused_by_name():
    async with House().visit() as session:
        with pytest.raises(AccessDenied, match=BLOCK_LOAD):
            await session.read_profile("block_load")


async def test_capture_objects_that_are_none_are_said():
    house = House()
    Profile(house)
    objects(house)[(7, BLOCK_LOAD, 3)] = axdr.octet_string(b"none")
    async with house.visit() as session:
        with pytest.raises(BadValue, match="capture objects as octet-string"):
            await session.read_profile("block_load")


async def test_the_nameplate_has_no_clock_and_is_read_all_the_same():
    house = House()
    at = objects(house)
    entries = [CaptureObject(1, "0.0.96.1.0.255", 2), CaptureObject(1, "0.0.96.1.4.255", 2)]
    at[(7, "0.0.94.91.10.255", 3)] = axdr.array(*(entry.to_data() for entry in entries))
    at[(7, "0.0.94.91.10.255", 2)] = axdr.array(
        axdr.structure(axdr.octet_string(b"10000001"), axdr.long_unsigned(2024))
    )
    async with house.visit() as session:
        assert await session.read_undated("nameplate") == {"serial": b"10000001", "year": 2024}


async def test_the_least_used_shape_is_forgotten_first():
    shapes = MemoryShapes(most=2)
    keys = [ShapeKey(str(n), "V1", "daily") for n in range(3)]
    shape = Shape((CLOCK,), (), 1800)
    await shapes.save(keys[0], shape)
    await shapes.save(keys[1], Shape((CLOCK,), (), 1800))
    assert await shapes.load(keys[0]) is await shapes.load(keys[1]), "equal shapes are kept once"
    await shapes.load(keys[0])
    await shapes.save(keys[2], shape)
    assert await shapes.load(keys[1]) is None
    assert await shapes.load(keys[0]) is not None
