"""What meters push: taken when it is known, allowed, protected as agreed and fresh; else told, and never raised."""

import pytest

from headend.dlms.apdu import (
    DataNotification,
    EventNotification,
    GeneralBlockTransfer,
    GeneralGloCiphering,
    GetRequestNormal,
    IdentifiedKey,
    encode,
)
from headend.dlms.apdu.general import GeneralHeader
from headend.dlms.axdr import EncodedData, structure, unsigned
from headend.dlms.axdr import encode as encode_data
from headend.dlms.cosem import CosemAttribute, Obis
from headend.dlms.errors import DecodeError, LocalError, RemoteError, SecurityError
from headend.dlms.push import Allowance, Push, PushKeys, PushListener, PushRefused
from headend.dlms.security import (
    KeyContext,
    KeyRing,
    SigningContext,
    private_key,
    protect,
    protect_general,
    sign_general,
)
from tests.vectors import load

BODY = EncodedData(encode_data(structure(unsigned(1), unsigned(2))))
PUSH = DataNotification(0x00000007, b"", BODY)
EVENT = EventNotification(None, CosemAttribute(1, Obis.parse("0.0.96.11.0.255"), 2), BODY)


@pytest.fixture
def listener(kit):
    def make(**options):
        keys = PushKeys(kit.KEYS, **options.pop("keys", {}))
        return PushListener(lambda title: keys if title == kit.METER_TITLE else None, **options)

    return make


def sealed(kit, counter, *, control=0x30, title=None, keys=None, plain=None):
    title = title or kit.METER_TITLE
    octets = protect(keys or kit.KEYS, title, control, counter, plain or encode(PUSH))
    return encode(GeneralGloCiphering(title, control, counter, octets))


def refused(outcome, error, match):
    assert isinstance(outcome, PushRefused)
    assert isinstance(outcome.error, error)
    assert match in str(outcome.error)
    return True


def test_a_ciphered_push_names_its_meter(kit, listener):
    one = listener()
    assert one.receive(sealed(kit, 5), "peer", 0) == Push(PUSH, kit.METER_TITLE, 5, authenticated=True)
    assert one.last_received(kit.METER_TITLE) == 5


def test_a_push_in_clear_is_taken_only_where_that_is_wanted(listener):
    assert refused(listener().receive(encode(PUSH), "peer", 0), SecurityError, "in clear")
    outcome = listener(takes_plain=True).receive(encode(EVENT), "peer", 0)
    assert outcome == Push(EVENT, None, None, authenticated=False)


def test_a_replayed_or_older_push_is_refused_and_the_counter_stays(kit, listener):
    one = listener(keys={"last_received": 4})
    assert refused(one.receive(sealed(kit, 4), "peer", 0), SecurityError, "not above 4")
    one.receive(sealed(kit, 6), "peer", 0)
    for counter in (6, 5):
        assert refused(one.receive(sealed(kit, counter), "peer", 0), SecurityError, "not above 6")
    assert one.last_received(kit.METER_TITLE) == 6


def test_a_push_that_is_not_protected_as_agreed_is_refused(kit, listener):
    one = listener()
    assert refused(one.receive(sealed(kit, 5, keys=kit.OTHER_KEYS), "peer", 0), SecurityError, "tag")
    for control in (0x10, 0x20, 0x31, 0x00):
        assert refused(one.receive(sealed(kit, 5, control=control), "peer", 0), SecurityError, "security control")
    assert refused(one.receive(sealed(kit, 5, title=b"OTHER001"), "peer", 0), SecurityError, "unknown")
    assert one.last_received(kit.METER_TITLE) is None


def test_encryption_alone_is_marked_and_moves_no_counter(kit, listener):
    one = listener(keys={"policy": 0x20})
    for _ in range(2):
        outcome = one.receive(sealed(kit, 5, control=0x20), "peer", 0)
        assert outcome == Push(PUSH, kit.METER_TITLE, 5, authenticated=False)
    assert one.last_received(kit.METER_TITLE) is None


def test_no_policy_without_protection_can_be_agreed(kit):
    with pytest.raises(LocalError):
        PushKeys(kit.KEYS, policy=0)


def test_a_ciphered_event_takes_its_title_from_the_stream(kit, listener):
    octets = protect(kit.KEYS, kit.METER_TITLE, 0x30, 9, encode(EVENT))
    apdu = bytes((0xCA, len(octets) + 5, 0x30, 0, 0, 0, 9)) + octets
    one = listener()
    assert refused(one.receive(apdu, "peer", 0), SecurityError, "without a system title")
    outcome = one.receive(apdu, "peer", 0, system_title=kit.METER_TITLE)
    assert outcome == Push(EVENT, kit.METER_TITLE, 9, authenticated=True)


def blocks(apdu, size=20):
    pieces = [apdu[at : at + size] for at in range(0, len(apdu), size)]
    return [
        encode(
            GeneralBlockTransfer(
                last_block=number == len(pieces),
                streaming=number < len(pieces),
                window=1,
                block_number=number,
                block_number_ack=0,
                data=piece,
            )
        )
        for number, piece in enumerate(pieces, 1)
    ]


def test_a_push_in_blocks_is_joined_per_peer(kit, listener):
    one = listener()
    first, second = blocks(sealed(kit, 5)), blocks(sealed(kit, 6))
    outcomes = []
    for one_block, other_block in zip(first, second, strict=True):
        outcomes.append(one.receive(one_block, "a", 0))
        outcomes.append(one.receive(other_block, "b", 0))
    assert outcomes[:-2] == [None] * (len(outcomes) - 2)
    assert [outcome.invocation_counter for outcome in outcomes[-2:]] == [5, 6]


def test_a_lost_block_loses_its_push_and_no_other(kit, listener):
    one = listener()
    for block in blocks(sealed(kit, 5))[:-1]:
        assert one.receive(block, "a", 0) is None
    (*_, last) = [one.receive(block, "a", 0) for block in blocks(sealed(kit, 6))]
    assert last.invocation_counter == 6
    one.receive(blocks(sealed(kit, 7))[0], "a", 0)
    one.forget("a")
    assert one.receive(blocks(sealed(kit, 7))[-1], "a", 0) is None


def test_blocks_without_end_are_refused(listener):
    one = listener()
    piece = bytes(60_000)
    for number in range(1, 30):
        block = GeneralBlockTransfer(
            last_block=False, streaming=True, window=1, block_number=number, block_number_ack=0, data=piece
        )
        outcome = one.receive(encode(block), "a", 0)
        if outcome is not None:
            break
    assert refused(outcome, RemoteError, "more than 1048576 octets")


def test_a_title_that_pushes_too_much_is_refused_until_time_has_passed(kit, listener):
    one = listener(per_title=Allowance(rate=1.0, burst=2))
    outcomes = [one.receive(sealed(kit, counter), "peer", 0.0) for counter in (1, 2, 3)]
    assert [type(outcome) for outcome in outcomes] == [Push, Push, PushRefused]
    assert isinstance(one.receive(sealed(kit, 4), "peer", 1.5), Push)
    assert isinstance(one.receive(sealed(kit, 5), "peer", 1.5), PushRefused)


def test_a_claimed_title_spends_no_allowance_of_its_owner(kit, listener):
    one = listener(per_title=Allowance(rate=0.0, burst=1))
    for _ in range(5):
        assert isinstance(one.receive(sealed(kit, 9, keys=kit.OTHER_KEYS), "evil", 0.0), PushRefused)
    assert isinstance(one.receive(sealed(kit, 9), "peer", 0.0), Push)


def test_a_peer_that_pushes_too_much_is_refused_whatever_it_sends(kit, listener):
    one = listener(per_peer=Allowance(rate=1.0, burst=1))
    assert isinstance(one.receive(b"\xff", "evil", 0.0), PushRefused)
    assert refused(one.receive(sealed(kit, 1), "evil", 0.0), RemoteError, "more pushes from evil")
    assert isinstance(one.receive(sealed(kit, 1), "peer", 0.0), Push)
    assert isinstance(one.receive(sealed(kit, 2), "evil", 2.0), Push)


def test_general_ciphering_is_taken_where_it_was_agreed(kit, listener):
    header = GeneralHeader(b"1", kit.METER_TITLE, kit.CLIENT_TITLE)
    apdu = encode(protect_general(header, IdentifiedKey(0), kit.KEYS, 0x30, 3, encode(PUSH)))
    assert refused(listener().receive(apdu, "peer", 0), SecurityError, "not agreed")
    ring = KeyRing(authentication_key=kit.KEYS.authentication_key, unicast_key=kit.KEYS.encryption_key)
    one = listener(keys={"ring": ring})
    assert one.receive(apdu, "peer", 0) == Push(PUSH, kit.METER_TITLE, 3, authenticated=True)
    assert refused(one.receive(apdu, "peer", 0), SecurityError, "not above 3")


def test_a_signed_push_is_verified(kit, listener):
    meter, other = (private_key(1, bytes([number]) * 32) for number in (1, 2))
    header = GeneralHeader(b"1", kit.METER_TITLE, kit.CLIENT_TITLE)
    ring = KeyRing(
        authentication_key=kit.KEYS.authentication_key,
        signing=SigningContext(1, peer_public_key=meter.public_key()),
    )
    one = listener(keys={"ring": ring})
    signed = encode(sign_general(header, encode(PUSH), SigningContext(1, meter)))
    assert one.receive(signed, "peer", 0) == Push(PUSH, kit.METER_TITLE, None, authenticated=True)
    forged = encode(sign_general(header, encode(PUSH), SigningContext(1, other)))
    assert refused(one.receive(forged, "peer", 0), SecurityError, "signature")
    assert refused(listener().receive(signed, "peer", 0), SecurityError, "not agreed")


def test_what_is_no_push_is_refused(kit, listener):
    one = listener(takes_plain=True)
    register = CosemAttribute(3, Obis.parse("1.0.1.8.0.255"), 2)
    assert refused(one.receive(encode(GetRequestNormal(0xC1, register)), "peer", 0), RemoteError, "is no push")
    assert refused(one.receive(b"", "peer", 0), DecodeError, "empty")
    assert refused(one.receive(sealed(kit, 1, plain=b"\xff"), "peer", 0), DecodeError, "no APDU")
    deep = sealed(kit, 4, plain=sealed(kit, 5, plain=sealed(kit, 6)))
    assert refused(one.receive(deep, "peer", 0), RemoteError, "envelopes")


@pytest.mark.parametrize(
    "octets",
    ["db", "db08", "db084d4d4d0000bc614e", "db084d4d4d0000bc614e053000000009", "df", "dd"],
)
def test_a_truncated_push_is_refused(listener, octets):
    assert isinstance(listener().receive(bytes.fromhex(octets), "peer", 0), PushRefused)


RECORDED = [
    vector
    for kind in ("push", "security")
    for vector in load(kind)
    if vector.form == "apdu" and vector.octets[0] in (0x0F, 0xDB) and not vector.invalid
]


@pytest.mark.parametrize("vector", RECORDED, ids=str)
def test_recorded_pushes_are_taken(vector):
    """With the keys they were published with; encryption alone where they have no authentication key."""
    title = vector.octets[2:10]
    keys = KeyContext(vector.keys.get("ek", bytes(16)), vector.keys.get("ak", b""))
    policy = int(vector.expected.get("security_control", "30"), 16)
    known = PushKeys(keys, policy=policy & 0x30, suite=policy & 0x0F)
    one = PushListener(lambda claimed: known if claimed == title else None, takes_plain=True)
    outcome = one.receive(vector.octets, "peer", 0.0)
    assert isinstance(outcome, Push), outcome
    assert outcome.authenticated == bool(vector.octets[0] == 0xDB and policy & 0x10)
