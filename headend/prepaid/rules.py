"""Policies and tariffs as TOML text: amounts in rupees, spans as `30m`, `1h30m`, `3d`; an unknown key is an error."""

import re
import tomllib
from datetime import date, time, timedelta
from importlib import resources
from typing import Any, TypeVar

import msgspec

from headend.errors import HeadendError
from headend.prepaid.calendar import ALL_DAYS, Calendar, Hours
from headend.prepaid.caps import Caps
from headend.prepaid.durations import duration
from headend.prepaid.money import parse_rupees
from headend.prepaid.policy import NoticeRule, Policy
from headend.prepaid.tariff import Slab, Tariff

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_File = TypeVar("_File", bound=msgspec.Struct)


class RuleFileError(HeadendError):
    """A policy or tariff that can't be used; the text names the file, the key and the way out."""

    exit_code = 2


class _HoursFile(msgspec.Struct, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}):
    start: time
    end: time
    days: list[str] = msgspec.field(default_factory=lambda: list(_WEEKDAYS))


class _CapsFile(msgspec.Struct, forbid_unknown_fields=True):
    per_hour: int = Caps().per_hour
    per_day: int = Caps().per_day
    per_segment_hour: int = Caps().per_segment_hour


class _NoticeFile(msgspec.Struct, forbid_unknown_fields=True):
    required: NoticeRule = NoticeRule.DELIVERED
    minimum_age: str = "24h"
    repeat: str = "24h"


class _PartialFile(msgspec.Struct, forbid_unknown_fields=True):
    share: int = 0
    span: str = "7d"
    categories: list[str] = msgspec.field(default_factory=list)


class _CalendarFile(msgspec.Struct, forbid_unknown_fields=True):
    hours: list[_HoursFile] = msgspec.field(default_factory=lambda: [_HoursFile(time(18), time(8))])
    days: list[str] = msgspec.field(default_factory=lambda: ["sun"])
    second_saturdays: bool = True
    holidays: list[date] = msgspec.field(default_factory=list)


class _PolicyFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    disconnect_below: str = "0"
    reconnect_at: str = "0.01"
    emergency_credit: str = "0"
    low_levels: list[str] = msgspec.field(default_factory=lambda: ["200", "100", "50"])
    low_days: list[int] = msgspec.field(default_factory=lambda: [3, 1])
    min_recharge: str | None = None
    max_reading_age: str = "1h"
    max_balance_age: str = "1h"
    max_clock_deviation: str = "5m"
    grace: str = "3d"
    conversion_grace: str = "0d"
    command_expiry: str = "4h"
    protected_classes: list[str] = msgspec.field(default_factory=list)
    notice: _NoticeFile = msgspec.field(default_factory=_NoticeFile)
    calendar: _CalendarFile = msgspec.field(default_factory=_CalendarFile)
    caps: _CapsFile = msgspec.field(default_factory=_CapsFile)
    partial: _PartialFile = msgspec.field(default_factory=_PartialFile)


class _SlabFile(msgspec.Struct, forbid_unknown_fields=True):
    per_kwh: str
    upto_kwh: int | None = None


class _TariffFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    slabs: list[_SlabFile]
    fixed_per_month: str = "0"
    fixed_per_kw_month: str = "0"
    duty_per_cent: str = "0"
    time_zone: str = "Asia/Kolkata"
    max_watts: int = 60_000
    max_gap: str = "40d"


def parse_policy(text: str, source: str) -> Policy:
    """A policy from TOML text; `source` is the file's name for errors. Raises RuleFileError."""
    file = _convert(text, source, _PolicyFile)
    try:
        return Policy(
            name=file.name,
            disconnect_below=_money("disconnect_below", file.disconnect_below),
            reconnect_at=_money("reconnect_at", file.reconnect_at),
            emergency_credit=_money("emergency_credit", file.emergency_credit),
            low_levels=tuple(_money("low_levels", level) for level in file.low_levels),
            low_days=tuple(file.low_days),
            min_recharge=None if file.min_recharge is None else _money("min_recharge", file.min_recharge),
            max_reading_age=_span("max_reading_age", file.max_reading_age),
            max_balance_age=_span("max_balance_age", file.max_balance_age),
            max_clock_deviation=_span("max_clock_deviation", file.max_clock_deviation),
            grace=_span("grace", file.grace),
            conversion_grace=_span("conversion_grace", file.conversion_grace),
            command_expiry=_span("command_expiry", file.command_expiry),
            protected_classes=frozenset(file.protected_classes),
            notice_rule=file.notice.required,
            notice_min_age=_span("notice.minimum_age", file.notice.minimum_age),
            notice_repeat=_span("notice.repeat", file.notice.repeat),
            calendar=_calendar(file.calendar),
            caps=Caps(file.caps.per_hour, file.caps.per_day, file.caps.per_segment_hour),
            partial_share=file.partial.share,
            partial_span=_span("partial.span", file.partial.span),
            partial_categories=frozenset(file.partial.categories),
        )
    except ValueError as error:
        raise RuleFileError(f"{source}: {error}") from error


def parse_tariff(text: str, source: str) -> Tariff:
    """A tariff from TOML text; `source` is the file's name for errors. Raises RuleFileError."""
    file = _convert(text, source, _TariffFile)
    try:
        return Tariff(
            name=file.name,
            slabs=tuple(
                Slab(None if slab.upto_kwh is None else slab.upto_kwh * 1000, _rate(slab.per_kwh))
                for slab in file.slabs
            ),
            fixed=_money("fixed_per_month", file.fixed_per_month),
            fixed_per_kw=_money("fixed_per_kw_month", file.fixed_per_kw_month),
            duty=_money("duty_per_cent", file.duty_per_cent),
            time_zone=file.time_zone,
            max_watts=file.max_watts,
            max_gap=_span("max_gap", file.max_gap),
        )
    except ValueError as error:
        raise RuleFileError(f"{source}: {error}") from error


def default_policy() -> Policy:
    """The careful policy that ships with the package."""
    return parse_policy(_shipped("policy.toml"), "policy.toml")


def default_rules() -> str:
    """The careful policy that ships with the package, as TOML text."""
    return _shipped("policy.toml")


def demonstration_rules() -> str:
    """The policy of `headend demo`, as TOML text: for simulated meters alone."""
    return _shipped("demonstration.toml")


def default_tariff() -> Tariff:
    """The example tariff that ships with the package."""
    return parse_tariff(_shipped("tariff.toml"), "tariff.toml")


def _shipped(name: str) -> str:
    return resources.files("headend.prepaid").joinpath("defaults", name).read_text(encoding="utf-8")


def _convert(text: str, source: str, shape: type[_File]) -> _File:
    try:
        tables: dict[str, Any] = tomllib.loads(text)
        return msgspec.convert(tables, shape)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RuleFileError(f"{source}: {error}") from error


def _money(key: str, text: str) -> int:
    try:
        return parse_rupees(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _rate(text: str) -> int:
    """Millionths of a paisa a Wh from rupees a kWh, up to five decimals: ₹ 1 a kWh is 100 paise a 1,000 Wh."""
    match = re.fullmatch(r"([0-9]+)(?:\.([0-9]{1,5}))?", text)
    if match is None:
        raise ValueError(f"per_kwh: {text!r} is no rate in rupees a kWh, such as 6.65")
    return int(match[1]) * 100_000 + int((match[2] or "").ljust(5, "0"))


def _span(key: str, text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from error


def _calendar(file: _CalendarFile) -> Calendar:
    return Calendar(
        hours=tuple(Hours(span.start, span.end, _days("calendar.hours.days", span.days)) for span in file.hours),
        days=_days("calendar.days", file.days),
        second_saturdays=file.second_saturdays,
        holidays=frozenset(file.holidays),
    )


def _days(key: str, names: list[str]) -> frozenset[int]:
    unknown = [name for name in names if name not in _WEEKDAYS]
    if unknown:
        raise ValueError(f"{key}: {unknown[0]!r} is no weekday; write mon, tue, wed, thu, fri, sat or sun")
    return frozenset(_WEEKDAYS.index(name) for name in names) & ALL_DAYS
