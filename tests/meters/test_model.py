from pathlib import Path

import pytest

from headend.dlms.cosem import CaptureObject, CosemAttribute, Obis
from headend.meters.errors import ModelError, UnknownModelError
from headend.meters.loading import load_model
from headend.meters.model import Authentication, Ciphering, Money, Protection
from headend.meters.registry import load_registry, shipped_models
from headend.meters.writing import model_to_toml

MINIMAL = """
name = "x"
[identity]
obis = "0.0.42.0.0.255"
class_id = 1
[roles.public]
client_sap = 16
association = "0.0.40.0.1.255"
"""


def test_the_shipped_models_load():
    assert set(shipped_models()) == {"account-credit", "account-token", "generic-dlms", "is15959-single-phase"}


@pytest.fixture(scope="module")
def indian():
    return shipped_models()["is15959-single-phase"]


@pytest.mark.parametrize(
    ("role", "sap", "association", "counter"),
    [
        ("public", 16, "0.0.40.0.1.255", "0.0.43.1.1.255"),
        ("reader", 32, "0.0.40.0.2.255", "0.0.43.1.2.255"),
        ("setting", 48, "0.0.40.0.3.255", "0.0.43.1.3.255"),
        ("push", 64, "0.0.40.0.4.255", "0.0.43.1.4.255"),
        ("firmware", 80, "0.0.40.0.5.255", "0.0.43.1.5.255"),
        ("display", 96, "0.0.40.0.6.255", "0.0.43.1.6.255"),
    ],
)
def test_roles_are_those_of_the_companion_specification(indian, role, sap, association, counter):
    found = indian.roles[role]
    assert (found.client_sap, found.association, found.counter) == (sap, Obis(association), Obis(counter))


def test_the_setting_role_proves_itself_by_gmac_and_protects_everything(indian):
    role = indian.roles["setting"]
    assert role.authentication.mechanism == 5
    assert role.protection.bits == 0x30
    assert role.ciphering is Ciphering.GLO
    assert role.security_setup == Obis("0.0.43.0.3.255")


def test_mechanisms_and_protections_have_the_standards_numbers():
    assert [level.mechanism for level in Authentication] == list(range(8))
    assert [protection.bits for protection in Protection] == [0, 0x10, 0x20, 0x30]


def test_every_profile_of_the_companion_specification_is_there(indian):
    assert [(profile.name, str(profile.obis)) for profile in indian.profiles] == [
        ("nameplate", "0.0.94.91.10.255"),
        ("instantaneous", "1.0.94.91.0.255"),
        ("block_load", "1.0.99.1.0.255"),
        ("daily", "1.0.99.2.0.255"),
        ("billing", "1.0.98.1.0.255"),
        ("events_voltage", "0.0.99.98.0.255"),
        ("events_current", "0.0.99.98.1.255"),
        ("events_power", "0.0.99.98.2.255"),
        ("events_transaction", "0.0.99.98.3.255"),
        ("events_other", "0.0.99.98.4.255"),
        ("events_non_rollover", "0.0.99.98.5.255"),
        ("events_control", "0.0.99.98.6.255"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "energy_import",
        "energy_apparent",
        "voltage",
        "current",
        "power",
        "frequency",
        "power_factor",
        "balance",
        "last_recharge_amount",
        "last_recharge_time",
        "payment_mode",
    ],
)
def test_registers_that_other_rooms_ask_for_by_name_are_there(indian, name):
    assert indian.register(name) is not None


def test_prepaid_names_registers_that_exist(indian):
    prepaid = indian.prepaid
    assert prepaid.money is Money.PAISE
    for name in (prepaid.balance, prepaid.balance_time, prepaid.payment_mode, prepaid.last_recharge_amount):
        assert indian.register(name) is not None
    assert indian.exponent(indian.register("balance")) == -2


def test_a_scaler_is_read_where_the_meter_has_one(indian):
    energy, balance = indian.register("energy_import"), indian.register("balance")
    assert energy.scaler_reference == CosemAttribute(3, "1.0.1.8.0.255", 3)
    assert balance.scaler_reference is None
    assert indian.register("demand_max_time").scaler_reference is None


def test_control_events_have_their_ids(indian):
    assert (indian.events[301], indian.events[302], indian.events[251]) == ("disconnected", "connected", "cover opened")


def test_a_column_is_found_by_what_is_captured(indian):
    profile = indian.profile("block_load")
    assert profile.column(CaptureObject(3, "1.0.1.29.0.255", 2)).name == "energy_import_block"
    assert profile.column(CaptureObject(3, "1.0.1.29.1.255", 2)) is None
    assert profile.columns[1].capture_object == CaptureObject(3, "1.0.12.27.0.255", 2)


def test_unknown_names_are_none(indian):
    assert indian.register("nothing") is None
    assert indian.profile("nothing") is None


@pytest.mark.parametrize("model", shipped_models().values(), ids=lambda model: model.name)
def test_what_is_written_is_read_back_equal(model):
    assert load_model(model_to_toml(model)) == model


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name =", r"^model\.toml: no valid TOML: .*line 1|^model\.toml: no valid TOML"),
        ("name = 1", r"^model\.toml: name: Expected `str`, got `int`"),
        (MINIMAL.replace("0.0.42.0.0.255", "0.0.42"), r"^model\.toml: identity\.obis: '0\.0\.42' is no OBIS code"),
        (MINIMAL + 'authentication = "md6"', r"^model\.toml: roles\.public\.authentication: .*md6"),
        (MINIMAL + 'autentication = "lls"', r"^model\.toml: roles\.public\.autentication: unknown key"),
        (MINIMAL + 'protection = "encrypted"', r"^model\.toml: roles\.public\.ciphering: "),
        (MINIMAL + 'authentication = "hls-gmac"', r"^model\.toml: roles\.public\.counter: "),
        (MINIMAL + "suite = 3", r"^model\.toml: roles\.public\.suite: no security suite 3"),
        (MINIMAL + '[[registers]]\nname = "a"\nobis = "1.0.1.8.0.255"\n' * 2, r"^model\.toml: registers: .*'a'.*twice"),
        (
            MINIMAL + '[[registers]]\nname = "a"\nobis = "1.0.1.8.0.255"\nclass_id = "3"',
            r"^model\.toml: registers\[0\]\.class_id: Expected `int`",
        ),
        (
            MINIMAL + '[[registers]]\nname = "a"\nobis = "1.0.1.8.0.255"\nscaler = "money"',
            r"^model\.toml: registers\.a\.scaler: money needs",
        ),
        (MINIMAL + '[prepaid]\nmoney = "rupees"', r"^model\.toml: prepaid\.balance: "),
        (MINIMAL + '[prepaid]\nmoney = "dollars"', r"^model\.toml: prepaid\.money: "),
        (MINIMAL + "[events]\nx = 'a'", r"^model\.toml: events"),
    ],
)
def test_an_error_names_file_key_and_reason(text, said):
    with pytest.raises(ModelError, match=said) as raised:
        load_model(text, "model.toml")
    assert raised.value.exit_code == 2


def test_a_model_of_the_utility_is_found_beside_the_shipped_ones(tmp_path):
    (tmp_path / "mine.toml").write_text(MINIMAL.replace('"x"', '"mine"'))
    registry = load_registry([tmp_path, tmp_path / "absent"])
    assert registry.get("mine").roles["public"].client_sap == 16
    assert registry.get("generic-dlms").name == "generic-dlms"


def test_a_model_of_the_utility_replaces_a_shipped_one_of_its_name(tmp_path):
    (tmp_path / "mine.toml").write_text(MINIMAL.replace('"x"', '"generic-dlms"'))
    assert load_registry([tmp_path]).get("generic-dlms").registers == ()


def test_two_files_of_one_name_are_refused(tmp_path):
    for file in ("a.toml", "b.toml"):
        (tmp_path / file).write_text(MINIMAL)
    with pytest.raises(ModelError, match=r"b\.toml: name: 'x' is the model in a\.toml too"):
        load_registry([tmp_path])


def test_an_unknown_model_is_told_with_those_that_exist():
    with pytest.raises(
        UnknownModelError, match="no meter model is named 'y'; known are account-credit, account-token, "
    ):
        load_registry().get("y")


def test_a_file_that_is_not_there_is_an_error_with_its_name(tmp_path):
    with pytest.raises(ModelError, match=r"none\.toml: can't be read"):
        load_model(Path(tmp_path) / "none.toml")


@pytest.mark.parametrize(
    ("by", "key"), [("credit", "topup.credit"), ("credit-value", "topup.credit"), ("token", "topup.gateway")]
)
def test_a_way_to_top_up_needs_the_object_that_it_goes_through(by, key):
    registers = '[[registers]]\nname = "balance"\nobis = "0.0.19.0.0.255"\nclass_id = 111\nattribute = 5\n'
    text = f'{MINIMAL}\n{registers}[prepaid]\nmoney = "paise"\n[prepaid.topup]\nby = "{by}"\n'
    with pytest.raises(ModelError, match=rf"prepaid\.{key}: {by} needs"):
        load_model(text, "x.toml")
