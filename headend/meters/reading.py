"""What a meter told us, with meaning: scaled, with unit and both times."""

from datetime import datetime
from decimal import Decimal

from attrs import field, frozen


@frozen
class Reading:
    """One register value.

    `name` is the model's name (`energy_import`), `obis` as `1.0.1.8.0.255`; `value` in `unit` (`Wh`, `V`, `INR`; empty
    for text and counts). `meter_time` is None where the register carries no time; both times are aware UTC.
    """

    name: str
    obis: str
    value: Decimal | str
    unit: str
    received: datetime
    meter_time: datetime | None = None


@frozen
class Column:
    """One capture object of a profile: stored integer x 10**exponent, in `unit`."""

    name: str
    obis: str
    attribute: int
    exponent: int
    unit: str


@frozen
class ProfileRow:
    """One captured row: UTC time, the meter's own clock octets, and the raw values in the order of the columns.

    Values are int for numbers (unscaled), str or bytes (hex in storage) for others, None for null-data.
    """

    time: datetime
    clock: bytes
    values: tuple[int | str | bytes | None, ...]


@frozen
class ProfileRows:
    """Rows of one profile of one meter, as read in one piece. `profile` is the model's name (`block_load`)."""

    profile: str
    columns: tuple[Column, ...]
    rows: tuple[ProfileRow, ...]


@frozen
class RelayState:
    """Disconnect control (IC 70) as read in one association: output_state, control_state, control_mode."""

    connected: bool
    control_state: int
    control_mode: int
    read_at: datetime


@frozen
class ClockReading:
    """The meter's clock against ours; `deviation` in seconds, positive when the meter is ahead.

    `inverted_sign` tells that the meter codes its deviation with the sign opposite to the Blue Book's.
    """

    meter_time: datetime
    received: datetime
    deviation: float
    inverted_sign: bool
    raw: bytes = field(repr=lambda octets: octets.hex())
