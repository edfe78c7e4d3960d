import pytest
from server_meter import MODEL, House

from headend.dlms import axdr
from headend.dlms.cosem import CaptureObject, Obis
from headend.dlms.enumerations import DataAccessResult
from headend.meters.loading import load_model
from headend.meters.model import Kind, Object
from headend.meters.registry import load_registry
from headend.meters.writing import model_to_toml
from headend.session.discovery import discover
from headend.session.errors import AccessDenied, BadValue
from headend.session.vocabulary import Names, readable_name

ASSOCIATION = (15, "0.0.40.0.0.255", 2)
GENERIC = load_registry().get("generic-dlms")
DENIED = DataAccessResult.READ_WRITE_DENIED


def scaler_unit(scaler, unit):
    return axdr.structure(axdr.integer(scaler), axdr.enum(unit))


def entry(class_id, obis, attributes=(), methods=(), version=0):
    """One object of the list; `attributes` are (number, mode)."""
    rights = axdr.structure(
        axdr.array(*(axdr.structure(axdr.integer(n), axdr.enum(mode), axdr.null()) for n, mode in attributes)),
        axdr.array(*(axdr.structure(axdr.integer(n), axdr.enum(1)) for n in methods)),
    )
    name = axdr.octet_string(Obis(obis).octets)
    return axdr.structure(axdr.long_unsigned(class_id), axdr.unsigned(version), name, rights)


READS = ((1, 1), (2, 1), (3, 1), (4, 1), (5, 1))


def captures(*entries):
    return axdr.array(*(CaptureObject(*each).to_data() for each in entries))


class Lister:
    """A meter with an object list; what is added is listed and served."""

    def __init__(self):
        self.house = House()
        self.listed = []
        self.add(1, "0.0.42.0.0.255")
        self.add(8, "0.0.1.0.0.255", {2: axdr.octet_string(bytes.fromhex("07ea0304030b1e00000000ff"))})

    def add(self, class_id, obis, values=None, *, attributes=READS, version=0):
        self.listed.append(entry(class_id, obis, attributes, version=version))
        for number, value in (values or {}).items():
            self.house.meter.objects[(class_id, obis, number)] = value
        return self

    async def discover(self, name="found"):
        self.house.meter.objects[ASSOCIATION] = axdr.array(*self.listed)
        async with self.house.visit() as session:
            return await discover(session, (GENERIC,), name)


async def test_a_register_has_the_name_unit_and_scaler_that_are_known_and_told():
    lister = Lister().add(3, "1.0.1.8.0.255", {2: axdr.double_long_unsigned(5), 3: scaler_unit(1, 30)})
    lister.add(3, "1.0.21.8.3.255", {2: axdr.double_long_unsigned(5), 3: scaler_unit(0, 30)})
    lister.add(3, "1.0.201.7.9.255", {2: axdr.double_long_unsigned(5), 3: scaler_unit(-2, 35)})
    found = (await lister.discover()).model
    assert [(each.name, each.unit, each.scaler) for each in found.registers] == [
        ("energy_import", "Wh", "attribute"),
        ("active_energy_import_l1_tariff_3", "Wh", "attribute"),
        ("obis_1_0_201_7_9_255_2", "V", "attribute"),
    ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (axdr.long_unsigned(7), Kind.NUMBER),
        (axdr.visible_string("V1.2"), Kind.TEXT),
        (axdr.octet_string(b"METER-000017"), Kind.TEXT),
        (axdr.octet_string(bytes.fromhex("07ea0304030b1e00000000ff")), Kind.TIME),
        (axdr.octet_string(b"\x00\x01\x02"), Kind.OCTETS),
    ],
)
async def test_a_data_object_is_what_its_value_is(value, kind):
    found = (await Lister().add(1, "0.0.96.99.7.255", {2: value}).discover()).model
    (register,) = found.registers
    assert (register.kind, register.class_id) == (kind, 1)


async def test_a_table_in_a_data_object_is_no_register():
    found = (await Lister().add(1, "0.0.96.99.7.255", {2: axdr.array(axdr.unsigned(1))}).discover()).model
    assert found.registers == ()
    assert found.objects == {"obis_0_0_96_99_7_255_2": Object(Obis("0.0.96.99.7.255"), 1)}


async def test_a_maximum_is_read_with_its_time():
    values = {2: axdr.double_long_unsigned(5), 3: scaler_unit(0, 27)}
    found = (await Lister().add(4, "1.0.1.6.0.255", values).discover()).model
    assert [(each.name, each.attribute, each.kind) for each in found.registers] == [
        ("demand_max", 2, Kind.NUMBER),
        ("demand_max_time", 5, Kind.TIME),
    ]


async def test_a_profile_has_its_columns_its_period_and_the_scaler_profile_that_tells_most_of_it():
    lister = Lister()
    clock, energy, odd = (8, "0.0.1.0.0.255", 2), (3, "1.0.1.29.0.255", 2), (3, "1.0.88.29.0.255", 2)
    lister.add(7, "1.0.99.1.0.255", {3: captures(clock, energy, odd), 4: axdr.double_long_unsigned(900)})
    lister.add(7, "1.0.99.44.0.255", {3: captures(clock, odd), 4: axdr.double_long_unsigned(0)})
    row = axdr.array(axdr.structure(scaler_unit(0, 30), scaler_unit(-1, 35)))
    scalers = captures((3, "1.0.1.29.0.255", 3), (3, "1.0.88.29.0.255", 3))
    lister.add(7, "1.0.94.91.4.255", {2: row, 3: scalers, 4: axdr.double_long_unsigned(0)})
    found = (await lister.discover()).model
    load, other = found.profiles
    assert (load.name, load.capture_period, load.scalers) == ("block_load", 900, Obis("1.0.94.91.4.255"))
    assert [(each.name, each.unit) for each in load.columns] == [
        ("clock", ""),
        ("energy_import_block", "Wh"),
        ("obis_1_0_88_29_0_255_2", "V"),
    ]
    assert (other.name, other.capture_period, other.scalers) == ("obis_1_0_99_44_0_255_2", None, load.scalers)


async def test_relay_account_and_push_setups_are_found():
    lister = Lister()
    lister.add(70, "0.0.96.3.11.255")
    lister.add(1, "0.0.94.96.24.255", {2: axdr.double_long(-100)})
    lister.add(40, "0.0.25.9.0.255", {2: captures((1, "0.0.96.1.2.255", 2), (3, "1.0.1.8.0.255", 2))})
    lister.add(71, "0.0.17.0.0.255")
    found = (await lister.discover()).model
    assert found.relay == Object(Obis("0.0.96.3.11.255"), 70)
    assert found.prepaid == MODEL.prepaid
    assert found.register("balance").scaler == "money"
    (push,) = found.pushes
    assert (push.name, [column.name for column in push.columns]) == ("push", ["device_id", "energy_import"])
    assert found.objects["limiter"] == Object(Obis("0.0.17.0.0.255"), 71)


async def test_an_amount_without_an_account_is_a_bare_number():
    found = (await Lister().add(1, "0.0.94.96.21.255", {2: axdr.double_long(5)}).discover()).model
    assert found.prepaid is None
    assert found.register("last_recharge_amount").scaler == 0


async def test_what_is_found_survives_being_written_and_read():
    lister = Lister()
    lister.add(3, "1.0.1.8.0.255", {2: axdr.double_long_unsigned(5), 3: scaler_unit(1, 30)})
    lister.add(1, "0.0.94.96.24.255", {2: axdr.double_long(-100)})
    lister.add(7, "1.0.99.1.0.255", {3: captures((8, "0.0.1.0.0.255", 2)), 4: axdr.double_long_unsigned(900)})
    lister.add(70, "0.0.96.3.10.255")
    found = (await lister.discover("maker-x")).model
    assert found.name == "maker-x"
    assert load_model(model_to_toml(found)) == found


async def test_objects_that_may_not_be_read_are_told_and_left_out():
    lister = Lister()
    lister.add(3, "1.0.1.8.0.255", {2: DENIED, 3: DENIED})
    lister.add(3, "1.0.2.8.0.255", {2: axdr.double_long(1)}, attributes=((1, 1), (2, 0), (3, 0)))
    discovery = await lister.discover()
    assert discovery.model.registers == ()
    assert {"1.0.1.8.0.255", "1.0.2.8.0.255"} <= set(map(str, discovery.refused))
    asked = [str(each.attribute.instance) for _, each in lister.house.meter.seen if hasattr(each, "attribute")]
    assert "1.0.2.8.0.255" not in asked


async def test_modes_of_a_newer_association_are_bits():
    lister = Lister().add(15, "0.0.40.0.0.255", version=3)
    lister.add(1, "0.0.96.2.0.255", {2: axdr.unsigned(1)}, attributes=((2, 0b101),))
    lister.add(1, "0.0.96.99.8.255", {2: axdr.unsigned(1)}, attributes=((2, 0b110),))
    found = (await lister.discover()).model
    assert [register.name for register in found.registers] == ["programming_count"]


async def test_an_entry_that_is_nothing_of_the_kind_is_passed_over():
    lister = Lister().add(1, "0.0.96.2.0.255", {2: axdr.unsigned(1)})
    lister.listed += [axdr.null(), axdr.structure(axdr.unsigned(1)), axdr.octet_string(b"x")]
    assert [register.name for register in (await lister.discover()).model.registers] == ["programming_count"]


async def test_one_object_twice_is_one_object():
    lister = Lister()
    for _ in range(2):
        lister.add(1, "0.0.96.2.0.255", {2: axdr.unsigned(1)})
    assert len((await lister.discover()).model.registers) == 1


async def test_no_object_list_is_an_error_that_says_so():
    house = House()
    async with house.visit() as session:
        with pytest.raises(AccessDenied, match=r"0\.0\.40\.0\.3\.255"):
            await discover(session, (), "found")
        house.meter.objects[ASSOCIATION] = axdr.unsigned(1)
        with pytest.raises(BadValue, match="object list"):
            await discover(session, (), "found")


@pytest.mark.parametrize(
    ("obis", "attribute", "name"),
    [
        ("1.0.2.8.0.255", 2, "active_energy_export"),
        ("1.0.52.7.0.255", 2, "voltage_l2_instantaneous"),
        ("0.0.99.98.5.255", 2, "event_log_non_rollover"),
        ("1.0.1.6.0.255", 5, "active_power_import_maximum_time"),
        ("1.0.1.6.0.255", 4, "active_power_import_maximum_attribute_4"),
        ("0.5.96.200.3.255", 2, "obis_0_5_96_200_3_255_2"),
    ],
)
def test_readable_names(obis, attribute, name):
    assert readable_name(Obis(obis), attribute) == name


def test_names_are_given_once():
    names = Names(["load_2"])
    assert [names.unique("load") for _ in range(3)] == ["load", "load_3", "load_4"]
