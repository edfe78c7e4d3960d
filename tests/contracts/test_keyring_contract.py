import pytest
from store_making import SERIAL, copy_out, meter

from headend.session.ports import KeySet
from headend.storage import ImportRefused, KekError

GOOD = f"""
[[keys]]
meter = "{SERIAL}"
role = "setting"
ek = "{"11" * 16}"
ak = "{"22" * 16}"
secret = "{"33" * 16}"
master = "{"44" * 16}"
client_title = "4845440000000007"

[[keys]]
meter = "{SERIAL}"
role = "reader"
secret = "{b"12345678".hex()}"
"""


@pytest.fixture
async def ring(store):
    await store.registry.add_meter(meter(1))
    return store.keys


def write(tmp_path, text):
    file = tmp_path / "keys.toml"
    file.write_text(text)
    return file


async def test_imported_keys_come_back_per_role(ring, tmp_path):
    assert await ring.import_keys(write(tmp_path, GOOD)) == 2
    assert await ring.keys(SERIAL, "setting") == KeySet(
        bytes.fromhex("4845440000000007"),
        encryption=b"\x11" * 16,
        authentication=b"\x22" * 16,
        secret=b"\x33" * 16,
    )
    reader = await ring.keys(SERIAL, "reader")
    assert (reader.secret, reader.encryption) == (b"12345678", None)
    assert len(reader.client_title) == 8
    assert await ring.keys(SERIAL, "firmware") is None


async def test_a_repeated_import_replaces_the_keys(ring, tmp_path):
    await ring.import_keys(write(tmp_path, GOOD))
    await ring.import_keys(write(tmp_path, GOOD.replace("11" * 16, "55" * 16)))
    assert (await ring.keys(SERIAL, "setting")).encryption == b"\x55" * 16


async def test_a_new_key_starts_a_new_count_of_what_was_received(store, ring, tmp_path):
    await ring.import_keys(write(tmp_path, GOOD))
    await store.counters.reserve(SERIAL, "setting", 10)
    await store.counters.advance_received(SERIAL, "setting", 77)
    await ring.import_keys(write(tmp_path, GOOD))
    assert await store.counters.received(SERIAL, "setting") == 77
    await ring.import_keys(write(tmp_path, GOOD.replace("11" * 16, "55" * 16)))
    assert await store.counters.received(SERIAL, "setting") == -1
    assert (await store.counters.reserve(SERIAL, "setting", 1)).start == 11


@pytest.mark.parametrize(
    ("change", "entry", "field", "says"),
    [
        (("11" * 16, "11" * 15), 1, "ek", "15 octets"),
        (("22" * 16, "zz"), 1, "ak", "hexadecimal"),
        (('client_title = "4845440000000007"', 'client_title = "48"'), 1, "client_title", "1 octets"),
        (('role = "reader"', 'role = "king"'), 2, "role", "unknown role"),
        (('role = "reader"', 'role = "setting"'), 2, "role", "twice"),
        (('role = "reader"', ""), 2, "role", "missing"),
        (('role = "reader"', 'role = "reader"\nsecert = "00"'), 2, "secert", "unknown field"),
        ((f'secret = "{b"12345678".hex()}"', ""), 2, "secret", "no key"),
        ((f'meter = "{SERIAL}"\nrole = "reader"', 'meter = "NOBODY"\nrole = "reader"'), 2, "meter", "inventory"),
    ],
)
async def test_one_wrong_entry_refuses_the_whole_file_and_is_named(ring, tmp_path, change, entry, field, says):
    with pytest.raises(ImportRefused, match=says) as refused:
        await ring.import_keys(write(tmp_path, GOOD.replace(*change)))
    assert [(problem.line, problem.column) for problem in refused.value.problems] == [(entry, field)]
    assert "11" * 8 not in str(refused.value)
    assert await ring.keys(SERIAL, "setting") is None


@pytest.mark.parametrize(
    "text", ["", "keys = 7", "[keys]\nmeter = 'x'", "[[keys]", "ek = 'aa'\n" + GOOD.replace("[[keys]]", "[[keys]]")]
)
async def test_a_file_that_is_no_key_file_is_refused(ring, tmp_path, text):
    with pytest.raises(ImportRefused):
        await ring.import_keys(write(tmp_path, text))


async def test_a_missing_file_is_named(ring, tmp_path):
    with pytest.raises(ImportRefused, match=r"nowhere\.toml"):
        await ring.import_keys(tmp_path / "nowhere.toml")


async def test_no_key_stands_in_the_database_in_the_clear(store, ring, tmp_path):
    await ring.import_keys(write(tmp_path, GOOD))
    await copy_out(store, tmp_path / "copy.db")
    for file in tmp_path.glob("*.db*"):
        content = file.read_bytes()
        for octet in (b"\x11", b"\x22", b"\x33", b"\x44"):
            assert octet * 16 not in content
        assert b"12345678" not in content
        assert bytes(range(32)) not in content


async def test_without_the_key_encryption_key_only_keys_are_missing(opened, tmp_path):
    store = await opened()
    await store.registry.add_meter(meter(1))
    await store.keys.import_keys(write(tmp_path, GOOD))
    other = await opened(kek=None)
    assert await other.fleet.meter(SERIAL) == meter(1)
    with pytest.raises(KekError, match="HEADEND_KEK"):
        await other.keys.keys(SERIAL, "setting")
    with pytest.raises(KekError):
        await other.keys.import_keys(write(tmp_path, GOOD))


async def test_secrets_are_not_shown_by_repr(ring, tmp_path):
    await ring.import_keys(write(tmp_path, GOOD))
    shown = repr(await ring.keys(SERIAL, "setting")) + repr(ring)
    for secret in (b"\x11", b"\x33"):
        assert secret.hex() * 4 not in shown
        assert repr(secret * 4)[2:-1] not in shown
