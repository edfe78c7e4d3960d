"""What must hold for every APDU there can be."""

import inspect
from random import Random

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headend.dlms import apdu as package
from headend.dlms.apdu import Apdu, decode, encode
from headend.dlms.errors import DecodeError, LocalError, RemoteError
from tests.dlms.generated import MAKERS

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("kind", MAKERS)
@QUICK
@given(rng=st.randoms(use_true_random=False))
def test_decoding_undoes_encoding(kind: str, rng: Random):
    apdu = MAKERS[kind](rng)
    octets = encode(apdu)
    assert decode(octets, strict=True) == apdu
    assert encode(decode(octets, strict=True)) == octets


@pytest.mark.parametrize("kind", MAKERS)
@QUICK
@given(rng=st.randoms(use_true_random=False))
def test_no_beginning_of_an_apdu_is_an_apdu(kind: str, rng: Random):
    octets = encode(MAKERS[kind](rng))
    end = rng.randint(0, len(octets) - 1)
    if kind.startswith("gateway") and end > 3:
        return  # what follows the prefix is another APDU, and not looked at here
    with pytest.raises(DecodeError):
        decode(octets[:end], strict=True)


@settings(max_examples=2000, deadline=None)
@given(
    tag=st.sampled_from(sorted({encode(make(Random(1)))[0] for make in MAKERS.values()})), tail=st.binary(max_size=64)
)
def test_any_octets_give_an_apdu_or_a_remote_error(tag: int, tail: bytes):
    for strict in (True, False):
        try:
            apdu = decode(bytes((tag,)) + tail, strict=strict)
        except RemoteError:
            continue
        encode(apdu)


@pytest.mark.parametrize("kind", MAKERS)
@QUICK
@given(rng=st.randoms(use_true_random=False))
def test_one_wrong_octet_gives_an_apdu_or_a_remote_error(kind: str, rng: Random):
    octets = bytearray(encode(MAKERS[kind](rng)))
    octets[rng.randrange(len(octets))] = rng.randrange(256)
    try:
        decode(bytes(octets), strict=False)
    except RemoteError:
        return


def test_apdus_of_different_services_are_never_equal():
    made = [make(Random(7)) for make in MAKERS.values()]
    for first in made:
        assert [other for other in made if other == first] == [first]


def test_every_class_of_apdu_is_generated():
    classes = set(Apdu.__args__)
    assert {type(make(Random(3))) for make in MAKERS.values()} == classes


@pytest.mark.parametrize("kind", sorted(Apdu.__args__, key=lambda kind: kind.__name__))
def test_an_apdu_is_a_frozen_value(kind: type):
    assert attrs.has(kind)
    assert "__slots__" in vars(kind)
    assert inspect.getdoc(kind)
    assert kind.__name__ in package.__all__


@pytest.mark.parametrize(
    "apdu",
    [
        package.GetRequestNext(0x1C1, 1),
        package.GetRequestNext(0xC1, 1 << 32),
        package.GetRequestNext(0xC1, -1),
        package.DataNotification(1 << 32, b"", None),
        package.GeneralBlockTransfer(*(True, False), 64, 1, 0, b""),
        package.CipheredApdu(0xC8, 0x30, 1 << 32, b""),
        package.ConfirmedServiceError(1, 6, 256),
    ],
    ids=repr,
)
def test_a_field_out_of_range_is_our_own_fault(apdu):
    with pytest.raises(LocalError):
        encode(apdu)
