"""Event codes of IS 15959 and the meter's seven event logs."""

from enum import IntEnum

from attrs import define, field

from simulator.captures import Capture


class Log(IntEnum):
    """The seven logs, by the group E of 0.0.99.98.E.255."""

    VOLTAGE = 0
    CURRENT = 1
    POWER = 2
    TRANSACTION = 3
    OTHER = 4
    NON_ROLLOVER = 5
    CONTROL = 6


class EventCode(IntEnum):
    """The codes that this meter raises, or that a scenario or a test can raise in it (odd occurs, even restores)."""

    OVER_VOLTAGE = 7
    OVER_VOLTAGE_END = 8
    LOW_VOLTAGE = 9
    LOW_VOLTAGE_END = 10
    CURRENT_REVERSED = 51
    CURRENT_REVERSED_END = 52
    BYPASS = 65
    BYPASS_END = 66
    OVER_CURRENT = 67
    OVER_CURRENT_END = 68
    EARTH_LOADING = 69
    EARTH_LOADING_END = 70
    POWER_FAIL = 101
    POWER_RESTORE = 102
    CLOCK_SET = 151
    CAPTURE_PERIOD_SET = 153
    HLS_KEY_READER = 162
    HLS_KEY_SETTING = 163
    GLOBAL_KEY_CHANGED = 164
    MAGNET = 201
    MAGNET_END = 202
    NEUTRAL_DISTURBANCE = 203
    NEUTRAL_DISTURBANCE_END = 204
    LOW_POWER_FACTOR = 205
    LOW_POWER_FACTOR_END = 206
    TO_POSTPAID = 211
    TO_PREPAID = 212
    OVERLOAD = 215
    OVERLOAD_END = 216
    COVER_OPEN = 251
    RELAY_WELD = 253
    DISCONNECTED = 301
    CONNECTED = 302


#: The first code of each log's range; the ranges are contiguous.
_RANGES = (
    (1, Log.VOLTAGE),
    (51, Log.CURRENT),
    (101, Log.POWER),
    (151, Log.TRANSACTION),
    (201, Log.OTHER),
    (251, Log.NON_ROLLOVER),
    (301, Log.CONTROL),
)

#: Bits of the event status word that a code sets, from the most significant of 128 on; the code after it clears it.
STATUS_BITS = {7: 3, 9: 4, 51: 6, 65: 10, 67: 11, 205: 12, 69: 51, 201: 81, 203: 82, 251: 83, 253: 84}

#: Events that are tampering and move the tamper count.
_TAMPERS = frozenset((51, 65, 69, 201, 203, 251))


def log_of(code: int) -> Log:
    """The log that `code` belongs to; ValueError for a code outside 1 to 350."""
    if not 1 <= code <= 350:
        raise ValueError(f"event code {code} belongs to no log")
    return next(log for first, log in reversed(_RANGES) if code >= first)


@define(eq=False)
class EventLogs:
    """What happened to one meter; each log keeps its last `depth` rows, and its sequence number goes on counting."""

    depth: int = 100
    rows: dict[Log, tuple[Capture, ...]] = field(factory=dict)
    sequence: dict[Log, int] = field(factory=dict)
    tampers: int = 0
    status: int = 0

    def add(self, event: Capture) -> None:
        """Log `event`, and move the tamper count and the status word where its code is one for them."""
        log = log_of(event.code)
        self.tampers += event.code in _TAMPERS
        event = event._replace(tampers=self.tampers)
        self.rows[log] = (*self.rows.get(log, ())[-(self.depth - 1) :], event)
        self.sequence[log] = self.sequence.get(log, 0) + 1
        self._mark(event.code)

    def last_code(self, log: Log) -> int:
        """The newest code of `log`, 0 when nothing ever happened."""
        rows = self.rows.get(log)
        return rows[-1].code if rows else 0

    @property
    def status_word(self) -> bytes:
        """The 128 bits, the first in the most significant bit of the first octet."""
        return self.status.to_bytes(16, "big")

    def _mark(self, code: int) -> None:
        if code in STATUS_BITS:
            self.status |= 1 << (127 - STATUS_BITS[code])
        elif code - 1 in STATUS_BITS:
            self.status &= ~(1 << (127 - STATUS_BITS[code - 1]))
