"""Events of IS 15959: what an id means and how much it matters, and the bits of the event status word."""

from enum import StrEnum
from typing import Final

from attrs import frozen

from headend.dlms.axdr import BitString


class Severity(StrEnum):
    """How soon somebody must look, from the least."""

    INFO = "info"
    WARNING = "warning"
    MAJOR = "major"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """0 for the least severe."""
        return list(Severity).index(self)


class EventKind(StrEnum):
    """Whose business an event is."""

    TAMPER = "tamper"
    QUALITY = "quality"
    POWER = "power"
    SETTING = "setting"
    RELAY = "relay"
    OTHER = "other"


@frozen
class EventType:
    """What an id means. `ends`: the id of the occurrence that this one ends, None for an occurrence itself."""

    code: int
    name: str
    kind: EventKind
    severity: Severity
    ends: int | None = None


_Q, _T, _S = EventKind.QUALITY, EventKind.TAMPER, EventKind.SETTING
_INFO, _WARNING, _MAJOR, _CRITICAL = Severity.INFO, Severity.WARNING, Severity.MAJOR, Severity.CRITICAL

#: Occurrences that the next id ends (IS 15959-2, tables of event ids).
_PAIRED: Final = (
    (1, "phase 1 missing", _Q, _WARNING),
    (3, "phase 2 missing", _Q, _WARNING),
    (5, "phase 3 missing", _Q, _WARNING),
    (7, "over-voltage", _Q, _WARNING),
    (9, "low voltage", _Q, _WARNING),
    (11, "voltage unbalance", _Q, _WARNING),
    (21, "phase sequence reversed", _Q, _WARNING),
    (51, "current reversed", _T, _MAJOR),
    (53, "phase 2 current reversed", _T, _MAJOR),
    (55, "phase 3 current reversed", _T, _MAJOR),
    (57, "phase 1 current open", _T, _MAJOR),
    (59, "phase 2 current open", _T, _MAJOR),
    (61, "phase 3 current open", _T, _MAJOR),
    (63, "current unbalance", _Q, _WARNING),
    (65, "current bypass", _T, _CRITICAL),
    (67, "over-current", _Q, _WARNING),
    (69, "earth loading", _T, _MAJOR),
    (83, "high neutral current", _Q, _WARNING),
    (101, "power failed", EventKind.POWER, _INFO),
    (201, "magnet", _T, _CRITICAL),
    (203, "neutral disturbance", _T, _CRITICAL),
    (205, "low power factor", _Q, _INFO),
    (207, "neutral missing", _T, _MAJOR),
    (209, "communication module removed", _T, _MAJOR),
    (215, "overload", _Q, _WARNING),
    (301, "disconnected", EventKind.RELAY, _INFO),
)

#: Occurrences without an end.
_SINGLE: Final = (
    (151, "clock set", _S, _INFO),
    (152, "demand period changed", _S, _INFO),
    (153, "capture period changed", _S, _INFO),
    (154, "billing date changed", _S, _INFO),
    (155, "tariff calendar changed", _S, _INFO),
    (157, "firmware upgraded", _S, _WARNING),
    (158, "load limit set", _S, _INFO),
    (159, "load limit switched on", _S, _INFO),
    (160, "load limit switched off", _S, _INFO),
    (161, "low-level secret changed", _S, _WARNING),
    (162, "high-level secret changed, reader", _S, _WARNING),
    (163, "high-level secret changed, setting", _S, _WARNING),
    (164, "global key changed", _S, _WARNING),
    (165, "event filter changed", _S, _WARNING),
    (166, "maximum demand reset", _S, _INFO),
    (211, "changed to postpaid", _S, _WARNING),
    (212, "changed to prepaid", _S, _INFO),
    (213, "changed to import only", _S, _INFO),
    (214, "changed to import and export", _S, _INFO),
    (251, "cover opened", _T, _CRITICAL),
    # Sources differ on the id of a welded relay.
    (252, "relay welded", EventKind.RELAY, _MAJOR),
    (253, "relay welded", EventKind.RELAY, _MAJOR),
)

CATALOGUE: Final[dict[int, EventType]] = {
    **{code: EventType(code, name, kind, severity) for code, name, kind, severity in (*_PAIRED, *_SINGLE)},
    **{code + 1: EventType(code + 1, f"{name}, ended", kind, _INFO, ends=code) for code, name, kind, _ in _PAIRED},
}


def event_type(code: int) -> EventType:
    """The meaning of an id; one that the specification has not is told by its number, and is worth a look."""
    return CATALOGUE.get(code) or EventType(code, f"event {code}", EventKind.OTHER, _WARNING)


#: Name by bit of the status word, counted from the most significant (IS 15959-2).
STATUS_BITS: dict[int, str] = {
    0: "phase 1 missing",
    1: "phase 2 missing",
    2: "phase 3 missing",
    3: "over-voltage",
    4: "low voltage",
    5: "voltage unbalance",
    6: "phase 1 current reversed",
    7: "phase 2 current reversed",
    8: "phase 3 current reversed",
    9: "current unbalance",
    10: "current bypass",
    11: "over-current",
    12: "low power factor",
    51: "earth loading",
    81: "magnet",
    82: "neutral disturbance",
    83: "cover opened",
    84: "relay changed",
    85: "last gasp",
    86: "first breath",
    87: "billing counter moved",
}

#: The log in which the meter has written what an alert is about, and how severe the alert is.
_ALERTS: Final[dict[str, tuple[str, Severity]]] = {
    **dict.fromkeys((STATUS_BITS[bit] for bit in range(6)), ("events_voltage", _WARNING)),
    **dict.fromkeys((STATUS_BITS[bit] for bit in (6, 7, 8)), ("events_current", _MAJOR)),
    "current unbalance": ("events_current", _WARNING),
    "current bypass": ("events_current", _CRITICAL),
    "over-current": ("events_current", _WARNING),
    "low power factor": ("events_other", _INFO),
    "earth loading": ("events_current", _MAJOR),
    "magnet": ("events_other", _CRITICAL),
    "neutral disturbance": ("events_other", _CRITICAL),
    "cover opened": ("events_non_rollover", _CRITICAL),
    "relay changed": ("events_control", _WARNING),
    "last gasp": ("events_power", _WARNING),
    "first breath": ("events_power", _INFO),
}


def status_events(word: BitString | bytes) -> tuple[str, ...]:
    """The names of the bits that are set, `bit N` where the specification has none."""
    octets = word.octets if isinstance(word, BitString) else word
    length = word.length if isinstance(word, BitString) else len(word) * 8
    return tuple(STATUS_BITS.get(bit, f"bit {bit}") for bit in range(length) if octets[bit // 8] & (0x80 >> (bit % 8)))


def logs_of(alerts: tuple[str, ...]) -> tuple[str, ...]:
    """The event logs that tell more about these alerts, each once."""
    return tuple(dict.fromkeys(_ALERTS[alert][0] for alert in alerts if alert in _ALERTS))


def severity_of(alerts: tuple[str, ...]) -> Severity:
    """The severity of the worst of these alerts; a bit without a name is worth a look."""
    found = [_ALERTS[alert][1] if alert in _ALERTS else _WARNING for alert in alerts]
    return max(found, key=lambda each: each.rank, default=_INFO)
