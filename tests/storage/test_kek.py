import base64

import pytest
from store_making import KEK, open_sqlite

from headend.storage import Kek, KekError, create_kek_file, find_kek

OCTETS = bytes(range(100, 132))


def private(path, content):
    path.write_bytes(content)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    "content", [OCTETS, OCTETS.hex().encode() + b"\n", base64.b64encode(OCTETS), OCTETS.hex().upper().encode()]
)
def test_a_file_is_read_in_every_form_it_may_have(tmp_path, content):
    kek = find_kek({}, private(tmp_path / "kek", content))
    assert kek.check_value() == Kek(OCTETS, "").check_value()


def test_the_file_comes_before_the_environment_and_that_before_the_credential(tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    private(folder / "headend-kek", b"\xcc" * 32)
    environment = {"HEADEND_KEK": (b"e" * 32).hex(), "CREDENTIALS_DIRECTORY": str(folder)}
    file = private(tmp_path / "kek", b"\xff" * 32)
    assert find_kek(environment, file).check_value() == Kek(b"\xff" * 32, "").check_value()
    assert find_kek(environment).check_value() == Kek(b"e" * 32, "").check_value()
    del environment["HEADEND_KEK"]
    assert find_kek(environment).check_value() == Kek(b"\xcc" * 32, "").check_value()
    assert find_kek({}) is None
    assert find_kek({"CREDENTIALS_DIRECTORY": str(tmp_path)}) is None


@pytest.mark.parametrize("content", [b"", b"short", b"z" * 64, b"aa" * 16, b"aa" * 33])
def test_what_is_no_key_is_refused_without_showing_it(tmp_path, content):
    with pytest.raises(KekError, match="64 hexadecimal digits") as refused:
        find_kek({}, private(tmp_path / "kek", content))
    assert content == b"" or content.decode() not in str(refused.value)
    with pytest.raises(KekError, match="HEADEND_KEK"):
        find_kek({"HEADEND_KEK": content.decode()})


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
def test_a_key_that_others_may_touch_is_refused(tmp_path, mode):
    file = private(tmp_path / "kek", OCTETS)
    file.chmod(mode)
    with pytest.raises(KekError, match="chmod 600"):
        find_kek({}, file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(KekError, match=r"kek: .*can't be read"):
        find_kek({}, tmp_path / "kek")


def test_a_new_key_file_is_private_and_never_replaces_one(tmp_path):
    file = tmp_path / "kek"
    kek = create_kek_file(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert find_kek({}, file).check_value() == kek.check_value()
    with pytest.raises(KekError, match="not replaced"):
        create_kek_file(file)
    with pytest.raises(KekError):
        create_kek_file(tmp_path / "nowhere" / "kek")


def test_a_wrapped_key_unwraps_in_its_own_place_only():
    wrapped = KEK.wrap(b"secret", "M1/setting/ek")
    assert KEK.unwrap(wrapped, "M1/setting/ek") == b"secret"
    with pytest.raises(KekError):
        KEK.unwrap(wrapped, "M2/setting/ek")
    with pytest.raises(KekError):
        Kek(OCTETS, "another").unwrap(wrapped, "M1/setting/ek")
    with pytest.raises(KekError):
        KEK.unwrap(b"", "M1/setting/ek")
    assert KEK.wrap(b"secret", "M1/setting/ek") != wrapped


def test_the_key_is_not_shown():
    assert KEK._octets.hex() not in repr(KEK)
    assert repr(KEK._octets) not in repr(KEK)


async def test_another_key_is_recognised_when_the_database_is_opened(tmp_path, clock):
    await (await open_sqlite(tmp_path, clock)).close()
    with pytest.raises(KekError, match="the key from a slip"):
        await open_sqlite(tmp_path, clock, kek=Kek(OCTETS, "a slip"))
    await (await open_sqlite(tmp_path, clock)).close()


async def test_the_first_key_is_the_one_that_counts(tmp_path, clock):
    await (await open_sqlite(tmp_path, clock, kek=None)).close()
    await (await open_sqlite(tmp_path, clock, kek=Kek(OCTETS, "the first"))).close()
    with pytest.raises(KekError):
        await open_sqlite(tmp_path, clock)
