from datetime import date, time, timedelta
from pathlib import Path

import pytest

from headend.prepaid.calendar import ALWAYS_OPEN, Calendar, Hours
from headend.prepaid.caps import Caps
from headend.prepaid.policy import NoticeRule, Policy
from headend.prepaid.rules import (
    RuleFileError,
    default_policy,
    default_tariff,
    demonstration_rules,
    parse_policy,
    parse_tariff,
)
from headend.prepaid.tariff import Slab

CONFIG = Path(__file__).parents[2] / "config"


def test_the_policy_that_ships_is_the_careful_default():
    assert default_policy() == Policy()
    assert parse_policy('name = "default"', "x.toml") == Policy()


def test_every_key_of_a_policy_is_read():
    policy = parse_policy(
        """
        name = "all"
        disconnect_below = "-10"
        reconnect_at = "1.50"
        emergency_credit = "100"
        low_levels = ["500", "20.50"]
        min_recharge = "200"
        max_reading_age = "30m"
        max_balance_age = "45m"
        max_clock_deviation = "90s"
        grace = "7d"
        conversion_grace = "30d"
        command_expiry = "2h"
        protected_classes = ["hospital"]
        [notice]
        required = "written"
        minimum_age = "12h"
        repeat = "48h"
        [calendar]
        hours = [{ from = 16:00:00, to = 11:00:00, days = ["mon", "tue"] }]
        days = ["sat", "sun"]
        second_saturdays = false
        holidays = [2026-08-15]
        [caps]
        per_hour = 1
        per_day = 2
        per_segment_hour = 3
        [partial]
        share = 50
        span = "5d"
        categories = ["domestic"]
        """,
        "all.toml",
    )
    assert policy == Policy(
        name="all",
        disconnect_below=-10_00,
        reconnect_at=1_50,
        emergency_credit=100_00,
        low_levels=(500_00, 20_50),
        min_recharge=200_00,
        partial_share=50,
        partial_span=timedelta(days=5),
        partial_categories=frozenset({"domestic"}),
        max_reading_age=timedelta(minutes=30),
        max_balance_age=timedelta(minutes=45),
        max_clock_deviation=timedelta(seconds=90),
        grace=timedelta(days=7),
        conversion_grace=timedelta(days=30),
        command_expiry=timedelta(hours=2),
        protected_classes=frozenset({"hospital"}),
        notice_rule=NoticeRule.WRITTEN,
        notice_min_age=timedelta(hours=12),
        notice_repeat=timedelta(hours=48),
        calendar=Calendar(
            hours=(Hours(time(16), time(11), frozenset({0, 1})),),
            days=frozenset({5, 6}),
            second_saturdays=False,
            holidays=frozenset({date(2026, 8, 15)}),
        ),
        caps=Caps(1, 2, 3),
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["name"]),
        ("name = ", ["Invalid value"]),
        ('name = "x"\ngrase = "3d"', ["grase"]),
        ('name = "x"\ngrace = "3 days"', ["grace", "3 days", "3d"]),
        ('name = "x"\ndisconnect_below = 0', ["disconnect_below", "str"]),
        ('name = "x"\nreconnect_at = "ten"', ["reconnect_at", "ten", "rupees"]),
        ('name = "x"\nlow_levels = ["1.234"]', ["low_levels"]),
        ('name = "x"\nreconnect_at = "-5"', ["reconnect_at lies below"]),
        ('name = "x"\n[caps]\nper_hour = -1', ["per_hour"]),
        ('name = "x"\n[caps]\nper_hour = "many"', ["caps.per_hour"]),
        ('name = "x"\n[notice]\nrequired = "maybe"', ["notice.required", "maybe"]),
        ('name = "x"\n[calendar]\ndays = ["sunday"]', ["calendar.days", "sunday", "sun"]),
        ('name = "x"\n[calendar]\nholidays = ["soon"]', ["calendar.holidays"]),
        ('name = "x"\n[calendar]\nhours = [{ from = 25:00:00, to = 08:00:00 }]', ["line 3"]),
    ],
)
def test_a_policy_that_cannot_be_used_names_file_and_key(text, names):
    with pytest.raises(RuleFileError) as caught:
        parse_policy(text, "rules.toml")
    assert caught.value.exit_code == 2
    for name in ("rules.toml", *names):
        assert name in str(caught.value)


def test_a_tariff_is_read_in_whole_millionths_of_a_paisa():
    tariff = default_tariff()
    assert tariff.slabs == (Slab(100_000, 665_000), Slab(200_000, 680_000), Slab(None, 695_000))
    assert (tariff.fixed, tariff.duty, tariff.max_gap) == (100_00, 500, timedelta(days=40))
    exact = parse_tariff('name = "x"\nslabs = [{ per_kwh = "6.65125" }]', "x.toml")
    assert exact.slabs == (Slab(None, 665_125),)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('name = "x"', ["slabs"]),
        ('name = "x"\nslabs = []', ["last slab"]),
        ('name = "x"\nslabs = [{ upto_kwh = 100, per_kwh = "1" }]', ["last slab"]),
        ('name = "x"\nslabs = [{ per_kwh = "1" }, { per_kwh = "2" }]', ["last slab"]),
        ('name = "x"\nslabs = [{ upto_kwh = 0, per_kwh = "1" }, { per_kwh = "2" }]', ["rise"]),
        (
            'name = "x"\nslabs = [{ upto_kwh = 9, per_kwh = "1" }, { upto_kwh = 9, per_kwh = "1" }, { per_kwh = "2" }]',
            ["rise"],
        ),
        ('name = "x"\nslabs = [{ per_kwh = "-1" }]', ["per_kwh", "-1"]),
        ('name = "x"\nslabs = [{ per_kwh = "6.123456" }]', ["per_kwh"]),
        ('name = "x"\nslabs = [{ per_kwh = "1" }]\nfixed_per_month = "-1"', ["negative"]),
        ('name = "x"\nslabs = [{ per_kwh = "1" }]\nmax_gap = "long"', ["max_gap"]),
        ('name = "x"\nslabs = [{ per_kwh = "1" }]\ntime_zone = "Asia/Nowhere"', ["time_zone", "Asia/Nowhere"]),
    ],
)
def test_a_tariff_that_cannot_be_used_names_file_and_key(text, names):
    with pytest.raises(RuleFileError) as caught:
        parse_tariff(text, "tariff.toml")
    for name in ("tariff.toml", *names):
        assert name in str(caught.value)


@pytest.mark.parametrize("path", sorted((CONFIG / "policies").glob("*.toml")), ids=lambda path: path.name)
def test_every_policy_of_the_configuration_can_be_used(path):
    policy = parse_policy(path.read_text(encoding="utf-8"), path.name)
    assert policy.name == path.stem
    assert policy.calendar != ALWAYS_OPEN


def test_only_the_demonstration_against_simulated_meters_does_without_rest_hours():
    policy = parse_policy(demonstration_rules(), "demonstration.toml")
    assert (policy.name, policy.calendar) == ("demonstration", ALWAYS_OPEN)


@pytest.mark.parametrize("path", sorted((CONFIG / "tariffs").glob("*.toml")), ids=lambda path: path.name)
def test_every_tariff_of_the_configuration_can_be_used(path):
    assert parse_tariff(path.read_text(encoding="utf-8"), path.name).name == path.stem
