"""What templates of both faces may call: money and dates as India writes them, states in their colour, assets.

`install` puts all of it into a Jinja environment; nothing here knows a page.
"""

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment

from headend.prepaid.money import format_rupees, grouped

STATIC: Final = Path(__file__).with_name("static")
TEMPLATES: Final = Path(__file__).with_name("templates")

INDIA: Final = ZoneInfo("Asia/Kolkata")

_MONTHS: Final = {
    "en": [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    "hi": ["जनवरी", "फ़रवरी", "मार्च", "अप्रैल", "मई", "जून", "जुलाई", "अगस्त", "सितंबर", "अक्टूबर", "नवंबर", "दिसंबर"],
}

#: What a state of the house means to somebody who looks: done, waiting, wrong; the rest is grey.
_TONES: Final = {
    "good": "confirmed connected done delivered active verified paid ok released approved reached",
    "warn": "requested sending pending quarantined open proposed unknown queued sent defer warn late expired",
    "bad": "rejected disconnected failed refused unreachable undelivered wrong_meter conflict bad given_up",
}
_TONE_OF: Final = {word: tone for tone, words in _TONES.items() for word in words.split()}


def install(environment: Environment) -> None:
    """Add the filters and `asset` to an environment; autoescape stays as the caller set it."""
    environment.filters.update(
        rupees=format_rupees,
        moment=moment,
        to_the_second=to_the_second,
        day=day,
        month=month,
        iso=iso,
        iso_day=iso_day,
        tone=tone,
        visible=visible,
        count=count,
        kilo=kilo,
        with_query=with_query,
    )
    environment.globals["asset"] = asset


def asset(name: str) -> str:
    """The address of a static file, with its content's digest, so that browsers may keep it for good."""
    known = _ASSETS.get(name)
    if known is None:
        digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
        known = _ASSETS[name] = f"/static/{name}?v={digest}"
    return known


#: Read once a process: files change with the version only.
_ASSETS: dict[str, str] = {}


def moment(at: datetime, lang: str = "en") -> str:
    """`24 Nov 2026, 14:05` in Indian time; Hindi with the month's whole name."""
    local = at.astimezone(INDIA)
    name = _MONTHS[lang][local.month - 1]
    return f"{local.day} {name if lang == 'hi' else name[:3]} {local.year}, {local:%H:%M}"


def to_the_second(at: datetime) -> str:
    """`2026-11-24 14:05:09 IST`."""
    return f"{at.astimezone(INDIA):%Y-%m-%d %H:%M:%S} IST"


def day(at: date | datetime, lang: str = "en") -> str:
    """`24 November 2026`; a moment's day is the one in India."""
    local = at.astimezone(INDIA) if isinstance(at, datetime) else at
    return f"{local.day} {_MONTHS[lang][local.month - 1]} {local.year}"


def month(at: date, lang: str = "en") -> str:
    """`November 2026`."""
    return f"{_MONTHS[lang][at.month - 1]} {at.year}"


def iso(at: datetime) -> str:
    """For machines: UTC to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def iso_day(at: date | datetime) -> str:
    """For machines: the day in India."""
    return (at.astimezone(INDIA) if isinstance(at, datetime) else at).strftime("%Y-%m-%d")


def tone(state: object) -> str:
    """`good`, `warn`, `bad`, or nothing for a state."""
    return _TONE_OF.get(str(state), "")


def visible(text: object) -> str:
    r"""Text of a stranger with control characters and marks of direction as `\u202e`: it is what it shows."""
    return "".join(_shown(each) for each in str(text))


def count(number: int) -> str:
    """`1,23,456`: a whole number grouped as in India."""
    sign = "-" if number < 0 else ""
    return f"{sign}{grouped(str(abs(number)))}"


def kilo(thousandths: int) -> str:
    """Watt-hours in units of a thousand, without needless digits: `4.5`, `12`."""
    return f"{Decimal(thousandths) / 1000:.2f}".rstrip("0").rstrip(".")


def with_query(query: Mapping[str, object], **changes: object) -> str:
    """The parameters of an address with some changed; one that is None or empty is left out."""
    merged = {**query, **changes}
    return urlencode({key: str(value) for key, value in merged.items() if value not in (None, "")})


def _shown(letter: str) -> str:
    # Cc: control characters; Cf: marks of direction, but the joiners that Hindi is written with stay.
    if letter in "\n\t\u200c\u200d" or unicodedata.category(letter) not in ("Cc", "Cf"):
        return letter
    return f"\\u{ord(letter):04x}"
