from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.apdu import Aarq, GetRequestNormal, Rlrq, encode
from headend.dlms.cosem import CosemAttribute, Obis
from headend.dlms.enumerations import ApplicationContext
from simulator.counters import CounterLedger
from simulator.sniffing import carried_counter


@given(st.lists(st.integers(0, 60)))
def test_the_ledger_accepts_only_what_is_larger_than_all_before(offers):
    ledger, accepted, refused = CounterLedger(), [], []
    for at, counter in enumerate(offers):
        grows = counter > max(accepted, default=-1)
        assert ledger.offer(counter, at) is grows
        (accepted if grows else refused).append(counter)
    assert [value for value in range(61) if value in ledger] == accepted
    assert ledger.count == len(accepted)
    assert ledger.last == max(accepted, default=-1)
    assert [item.counter for item in ledger.refused] == refused
    assert ledger.reused == sum(counter in accepted for counter in refused)


def test_counters_that_follow_each_other_are_one_range():
    ledger = CounterLedger()
    for counter in (5, 6, 7, 20, 21):
        ledger.offer(counter, 0)
    assert ledger.accepted == ((5, 7), (20, 21))


def test_a_refused_counter_is_on_record_with_its_time():
    ledger = CounterLedger()
    ledger.offer(9, 100)
    ledger.offer(9, 200)
    assert [tuple(item) for item in ledger.refused] == [(9, 9, 200)]


GLO = bytes.fromhex("c81e30" + "01234567" + "00" * 25)


def test_the_counter_of_a_service_is_seen():
    assert carried_counter(GLO) == 0x01234567


def test_the_counter_behind_a_long_length_is_seen():
    assert carried_counter(bytes.fromhex("c8820100" + "30" + "0000000a" + "00" * 251)) == 10


def test_the_counter_of_general_ciphering_is_seen():
    assert carried_counter(bytes.fromhex("db08" + "4d4d4d0000bc614e" + "0a30" + "0000000b" + "00" * 5)) == 11


def test_the_counters_of_association_and_release_are_seen():
    initiate = bytes.fromhex("211f30" + "0000000c" + "00" * 26)
    aarq = Aarq(application_context=ApplicationContext.LN_CIPHERED, user_information=initiate)
    assert carried_counter(encode(aarq)) == 12
    assert carried_counter(encode(Rlrq(user_information=initiate))) == 12


def test_plain_and_broken_apdus_carry_none():
    plain = encode(GetRequestNormal(0xC1, CosemAttribute(3, Obis("1.0.1.8.0.255"), 2)))
    assert carried_counter(plain) is None
    assert carried_counter(b"\x60\x01") is None
    assert all(carried_counter(GLO[:length]) is None for length in range(1, 7))


@given(st.binary(min_size=1, max_size=40))
def test_whatever_comes_is_looked_at_without_harm(octets):
    counter = carried_counter(octets)
    assert counter is None or 0 <= counter < 1 << 32
