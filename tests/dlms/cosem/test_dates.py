from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.dlms.cosem import CosemDate, CosemDateTime, CosemTime
from headend.dlms.errors import DecodeError, LocalError
from tests.vectors import KINDS, load, load_form


def stated_times():
    """Every date-time that a vector of any kind takes apart."""
    for kind in KINDS:
        for vector in load(kind):
            for place in (vector.expected, vector.expected.get("apdu", {}), vector.expected.get("plain_decoded", {})):
                if isinstance(place, dict) and "date_time" in place and isinstance(place["date_time"], dict):
                    yield pytest.param(place["date_time"], id=vector.name)


TIMES = list(stated_times())


def test_vectors_with_times_were_found():
    assert len(load_form("cosem-date-time")) == 2
    assert len(TIMES) > 8


@pytest.mark.parametrize("stated", TIMES)
def test_every_field_is_kept_as_sent(stated):
    found = CosemDateTime(bytes.fromhex(stated["hex"]))
    names = ("year", "month", "day", "day_of_week", "hour", "minute", "second", "hundredths", "deviation")
    assert {name: getattr(found, name) for name in names} == {name: stated[name] for name in names}
    assert (found.status, found.deviation_specified) == (stated["clock_status"], stated["deviation_specified"])


@pytest.mark.parametrize("stated", TIMES)
def test_utc_is_local_time_plus_deviation(stated):
    found = CosemDateTime(bytes.fromhex(stated["hex"])).utc_if_blue_book_sign
    expected = stated.get("utc_if_blue_book_sign")
    assert (found and found.replace(microsecond=0)) == (datetime.fromisoformat(expected) if expected else None)


@pytest.mark.parametrize("stated", [time for time in TIMES if "utc_if_blue_book_sign" in time.values[0]])
def test_a_time_is_written_as_it_was_read(stated):
    octets = bytes.fromhex(stated["hex"])
    local = CosemDateTime(octets).local
    zone = timezone(timedelta(minutes=-stated["deviation"]))
    written = CosemDateTime.of(local.replace(tzinfo=zone), status=stated["clock_status"]).octets
    wild = {at for at in (4, 8) if octets[at] == 0xFF}
    assert [octet for at, octet in enumerate(written) if at not in wild] == [
        octet for at, octet in enumerate(octets) if at not in wild
    ]


def test_a_naive_datetime_has_no_deviation_and_is_refused():
    with pytest.raises(LocalError, match="naive"):
        CosemDateTime.of(datetime(2026, 11, 24, 12, 30))  # noqa: DTZ001 - the very case


@pytest.mark.parametrize("deviation", [-40_000, 40_000])
def test_a_deviation_that_no_octets_hold_is_refused(deviation):
    with pytest.raises(LocalError):
        CosemDateTime.of(datetime(2026, 11, 24, tzinfo=UTC), deviation=deviation)


@pytest.mark.parametrize(("cls", "size"), [(CosemDateTime, 12), (CosemDate, 5), (CosemTime, 4)])
def test_another_number_of_octets_is_refused(cls, size):
    for wrong in (0, size - 1, size + 1):
        with pytest.raises(DecodeError):
            cls(bytes(wrong))


def test_wildcards_are_kept_and_state_no_moment():
    found = CosemDateTime(bytes.fromhex("fffffefdfffffffffffffeb6ff"[:24]))
    assert (found.year, found.month, found.day) == (0xFFFF, 0xFE, 0xFD)
    assert found.local is None
    assert found.utc_if_blue_book_sign is None


def test_seconds_and_hundredths_may_be_left_out():
    found = CosemDateTime(bytes.fromhex("07ea0b18020c1effff800000"))
    assert found.local.isoformat() == "2026-11-24T12:30:00"
    assert found.utc_if_blue_book_sign is None


def test_a_moment_beyond_the_calendar_is_none():
    assert CosemDateTime(bytes.fromhex("270f0c1f05173b3b0002d000")).utc_if_blue_book_sign is None


def test_date_and_time_are_parts_of_the_whole():
    found = CosemDateTime(bytes.fromhex("07ea0b18020c1e0f32feb600"))
    assert found.date == CosemDate.of(2026, 11, 24, 2)
    assert found.time == CosemTime.of(12, 30, 15, 50)
    assert (found.date.year, found.date.month, found.date.day, found.date.day_of_week) == (2026, 11, 24, 2)
    assert (found.time.hour, found.time.minute, found.time.second, found.time.hundredths) == (12, 30, 15, 50)


@given(st.binary(min_size=12, max_size=12))
def test_any_twelve_octets_are_kept_and_never_crash(octets):
    found = CosemDateTime(octets)
    moment = found.utc_if_blue_book_sign
    assert found.octets == octets
    assert moment is None or moment.tzinfo is UTC


@given(st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=30)))))
def test_an_aware_moment_survives(moment):
    moment = moment.replace(microsecond=moment.microsecond // 10_000 * 10_000)
    back = CosemDateTime.of(moment).utc_if_blue_book_sign
    assert back is None or back == moment
    assert back is not None or moment.year in (1, 9999)
