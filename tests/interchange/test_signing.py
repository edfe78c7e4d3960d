from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.interchange.signing import Fault, sign, verify
from headend.notify.webhook import signature

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SECRET, BODY = "a-secret-of-thirty-two-characters", b'{"a": 1}'
TOLERANCE = timedelta(minutes=5)


def check(header, body=BODY, now=NOW, secrets=(SECRET,)):
    headers = {} if header is None else {"headend-signature": header}
    return verify(secrets, headers, body, now, TOLERANCE)


def test_a_body_signed_with_the_secret_is_taken():
    assert check(sign(SECRET, BODY, NOW)) is None


def test_the_form_is_the_one_that_this_house_sends():
    assert check(signature(SECRET, int(NOW.timestamp()), BODY)) is None


def test_while_a_secret_is_changed_either_fits_and_so_does_a_header_with_both():
    old = sign("an-older-secret", BODY, NOW)
    assert check(old, secrets=(SECRET, "an-older-secret")) is None
    assert check(f"{sign(SECRET, BODY, NOW)},{old.partition(',')[2]}") is None


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_clock_that_is_off_within_the_tolerance_is_taken(seconds):
    assert check(sign(SECRET, BODY, NOW + timedelta(seconds=seconds))) is None


@pytest.mark.parametrize("seconds", [-301, 301, 86_400 * 365])
def test_an_old_or_future_message_is_stale(seconds):
    assert check(sign(SECRET, BODY, NOW + timedelta(seconds=seconds))) is Fault.STALE


def test_a_changed_body_time_or_secret_is_wrong():
    header = sign(SECRET, BODY, NOW)
    assert check(header, b'{"a": 2}') is Fault.WRONG
    assert check(header.replace("t=", "t=1")) is Fault.WRONG
    assert check(sign("another", BODY, NOW)) is Fault.WRONG
    assert check(header, secrets=()) is Fault.WRONG


def test_without_a_header_it_is_missing():
    assert check(None) is Fault.MISSING


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "t=1",
        "v1=" + "0" * 64,
        "t=,v1=" + "0" * 64,
        "t=-5,v1=" + "0" * 64,
        "t=٣,v1=" + "0" * 64,
        "t=1,t=2,v1=" + "0" * 64,
        "t=1,v1=" + "0" * 63,
        "t=1,v1=" + "G" * 64,
        "t=999999999999,v1=" + "0" * 64,
        "t=1" + (",v1=" + "0" * 64) * 9,
    ],
)
def test_what_is_no_signature_is_malformed(header):
    assert check(header) is Fault.MALFORMED


@given(header=st.text(max_size=200), body=st.binary(max_size=50))
def test_no_text_is_taken_for_a_signature_and_none_raises(header, body):
    assert check(header, body) is not None
