from datetime import timedelta

import pytest

from headend.prepaid.durations import duration
from headend.prepaid.rules import RuleFileError, parse_policy


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0s", timedelta(0)),
        ("30s", timedelta(seconds=30)),
        ("0.5s", timedelta(seconds=0.5)),
        ("15m", timedelta(minutes=15)),
        ("1h30m", timedelta(minutes=90)),
        ("3d", timedelta(days=3)),
        ("1d12h30m15s", timedelta(days=1, hours=12, minutes=30, seconds=15)),
        (" 2h ", timedelta(hours=2)),
    ],
)
def test_spans_are_read(text, span):
    assert duration(text) == span


@pytest.mark.parametrize(
    "text", ["", "3", "d", "3 d", "-3d", "3w", "30m1h", "1h1h", "1.5h", "1..5s", "9" * 30 + "d", "٣d"]
)
def test_what_is_no_span_is_refused_and_shown(text):
    with pytest.raises(ValueError, match="no span of time"):
        duration(text)


def test_a_policy_takes_the_same_spans_as_the_configuration_and_names_the_key():
    assert parse_policy('name = "x"\ngrace = "1d12h"', "x.toml").grace == timedelta(hours=36)
    with pytest.raises(RuleFileError, match=r"x\.toml: grace: '3 days' is no span"):
        parse_policy('name = "x"\ngrace = "3 days"', "x.toml")
