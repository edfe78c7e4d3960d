"""General-ciphering, and signing: every way to tell a key, both roles, and what is refused."""

import pytest
from attrs import evolve

from headend.dlms import Associated, Ciphering, EndToEndKeys, LocalError, RemoteError, SecurityError, State
from headend.dlms.apdu import (
    GeneralHeader,
    GetRequestNormal,
    GetResponseNormal,
    IdentifiedKey,
    SetRequestNormal,
    SetResponseNormal,
    WrappedKey,
    encode,
)
from headend.dlms.axdr import EncodedData, octet_string
from headend.dlms.axdr import encode as encode_data
from headend.dlms.connection.counters import CounterError, InvocationCounter
from headend.dlms.connection.end_to_end import EndToEnd
from headend.dlms.cosem import CosemAttribute, Obis
from headend.dlms.enumerations import Conformance, DataAccessResult
from headend.dlms.security import KeyContext, SigningContext, private_key, protect_general, wrap_key

CLOCK = CosemAttribute(8, Obis.parse("0.0.1.0.0.255"), 2)
LONG = EncodedData(encode_data(octet_string(bytes(range(256)) * 5)))
MASTER = bytes(range(16))
UNICAST = IdentifiedKey(0)


def pair(suite, number):
    """A private key, and the public keys that the other end knows."""
    return private_key(suite, bytes((number,)) * (32 if suite == 1 else 48))


def keys_of(scheme, suite, kit):
    """Our end's keys and the meter's."""
    size = 32 if suite == 2 else 16
    context = KeyContext(bytes(range(size)), bytes(size))
    ours, theirs = pair(suite or 1, 1), pair(suite or 1, 2)
    signing = (
        SigningContext(suite or 1, ours, theirs.public_key()),
        SigningContext(suite or 1, theirs, ours.public_key()),
    )
    match scheme:
        case "identified":
            ends = EndToEndKeys.identified(context), EndToEndKeys.identified(context)
        case "identified and signed":
            ends = tuple(EndToEndKeys.identified(context, one) for one in signing)
        case "wrapped":
            session = KeyContext(bytes(size)[:-1] + b"s", context.authentication_key)
            ends = (EndToEndKeys.wrapped(MASTER, session),) * 2
        case "static":
            ends = (
                EndToEndKeys.static_agreement(suite, ours, theirs.public_key(), context.authentication_key),
                EndToEndKeys.static_agreement(suite, theirs, ours.public_key(), context.authentication_key),
            )
        case "one-pass":
            fresh = ((pair(suite, number) for number in range(start, 200)) for start in (10, 100))
            ends = tuple(
                EndToEndKeys.one_pass_agreement(
                    suite, own, peer.public_key(), ephemerals, context.authentication_key, one, signed=True
                )
                for own, peer, ephemerals, one in zip((ours, theirs), (theirs, ours), fresh, signing, strict=True)
            )
    return context, ends


SCHEMES = [
    ("identified", 0),
    ("identified", 2),
    ("identified and signed", 1),
    ("wrapped", 0),
    ("wrapped", 2),
    ("static", 1),
    ("static", 2),
    ("one-pass", 1),
    ("one-pass", 2),
]


@pytest.mark.parametrize(("scheme", "suite"), SCHEMES)
@pytest.mark.parametrize("size", [700, 65535])
def test_a_session_under_every_kind_of_key(kit, scheme, suite, size):
    context, (ours, theirs) = keys_of(scheme, suite, kit)
    alike = {"keys": context, "suite": suite}
    link = kit.link(
        kit.client_parameters(
            max_pdu_size=size, security={**alike, "ciphering": Ciphering.GENERAL_CIPHERING, "end_to_end": ours}
        ),
        kit.server_parameters(max_pdu_size=size, security={**alike, "end_to_end": theirs}),
        value=LONG,
    )
    assert [type(event) for event in link.associate()] == [Associated]
    assert link.ask(GetRequestNormal(0xC1, CLOCK)) == [GetResponseNormal(0xC1, LONG)]
    assert link.ask(SetRequestNormal(0xC1, CLOCK, None, LONG)) == [SetResponseNormal(0xC1, DataAccessResult.SUCCESS)]
    first = {pdu[8] for pdu in (*link.to_server[1:], *link.to_client[1:])}
    assert first == {0xDF if "signed" in scheme or scheme == "one-pass" else 0xDD}
    assert all(len(pdu) <= size + 8 for pdu in (*link.to_server[2:], *link.to_client[2:]))
    link.release()
    assert link.client.state is State.RELEASED


def test_general_ciphering_needs_keys_and_a_policy(kit):
    security = {"ciphering": Ciphering.GENERAL_CIPHERING}
    for changes in ({"end_to_end": None}, {"policy": 0}):
        with pytest.raises(LocalError):
            kit.link(kit.client_parameters(security={**security, **changes}))


def test_general_ciphering_is_not_done_without_where_the_meter_lacks_it(kit):
    link = kit.link(
        kit.client_parameters(security={"ciphering": Ciphering.GENERAL_CIPHERING}),
        kit.server_parameters(conformance=Conformance.GET),
    )
    with pytest.raises(RemoteError, match="general protection"):
        link.associate()
    assert link.client.state is State.BROKEN


@pytest.fixture
def ends(kit):
    """Both ends under the identified key, the second one signing if asked."""

    def make(keys=None, theirs=None):
        keys = keys or EndToEndKeys.identified(kit.KEYS)
        titles = (kit.CLIENT_TITLE, kit.METER_TITLE)
        return tuple(
            EndToEnd(own, InvocationCounter(iter(range(5, 99))), title=title, peer_title=peer, policy=0x30, suite=0)
            for own, title, peer in zip((keys, theirs or keys), titles, reversed(titles), strict=True)
        )

    return make


def test_what_is_not_as_agreed_is_refused_and_the_counter_stays(kit, ends):
    one, other = ends()
    plain = b"\xc4\x01\xc1\x00\x11\x07"
    good = other.seal(plain)

    def made(*, title=kit.METER_TITLE, to=kit.CLIENT_TITLE, info=UNICAST, keys=kit.KEYS, control=0x30):
        return encode(protect_general(GeneralHeader(b"1", title, to), info, keys, control, 50, plain))

    wrapped = WrappedKey(0, wrap_key(MASTER, bytes(16)))
    for bad in (
        plain,
        made(title=b"OTHER001"),
        made(title=kit.CLIENT_TITLE),
        made(to=b"OTHER001"),
        made(info=None),
        made(info=wrapped),
        made(info=IdentifiedKey(1)),
        made(info=IdentifiedKey(9)),
        made(keys=kit.OTHER_KEYS),
        made(control=0x10),
        made(control=0x31),
        good[:-1] + bytes((good[-1] ^ 1,)),
    ):
        with pytest.raises(SecurityError):
            one.open(bad)
        assert one.last_received == -1
    assert one.open(good) == plain
    with pytest.raises(CounterError):
        one.open(good)
    assert one.last_received == 5


def test_a_missing_or_wrong_signature_is_refused(kit, ends):
    ours, theirs, forger = (pair(1, number) for number in (1, 2, 3))
    client = EndToEndKeys.identified(kit.KEYS, SigningContext(1, ours, theirs.public_key()))
    meter = EndToEndKeys.identified(kit.KEYS, SigningContext(1, theirs, ours.public_key()))
    one, other = ends(client, meter)
    assert one.open(other.seal(b"\xc4")) == b"\xc4"
    for keys in (
        EndToEndKeys.identified(kit.KEYS),
        evolve(meter, signing=SigningContext(1, forger, ours.public_key())),
    ):
        with pytest.raises(SecurityError):
            one.open(ends(client, keys)[1].seal(b"\xc4"))


def test_ephemeral_keys_that_run_out_are_our_own_fault(kit, ends):
    ours, theirs = pair(1, 1), pair(1, 2)
    signing = SigningContext(1, ours, theirs.public_key())
    keys = EndToEndKeys.one_pass_agreement(1, ours, theirs.public_key(), iter(()), bytes(16), signing)
    with pytest.raises(LocalError, match="ephemeral"):
        ends(keys)[0].seal(b"\xc0")


@pytest.mark.parametrize("octets", ["dd", "dd00", "df", "df0000000000", "dd0108"])
def test_truncated_envelopes_are_refused(ends, octets):
    one, _ = ends()
    with pytest.raises(RemoteError):
        one.open(bytes.fromhex(octets))
