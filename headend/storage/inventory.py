"""The inventory: meters as the utility knows them, and the links from meter to consumer."""

from collections.abc import Sequence
from typing import Any, Final

from attrs import define

from headend.errors import HeadendError
from headend.meters.inventory import Meter
from headend.storage.errors import UnknownMeter
from headend.storage.sqlite import Connection

_COLUMNS: Final = (
    "serial, logical_device_name, model, address, system_title, server_sap, lane, office, consumer_no,"
    ' "group", time_zone'
)


class InventoryConflict(HeadendError):  # noqa: N818  a refusal is an answer, not a fault
    """The meter contradicts another one of the inventory; nothing was changed."""

    exit_code = 2


@define
class Known:
    """A meter's row, as other tables refer to it."""

    id: int
    serial: str
    office: str
    consumer_no: str | None
    time_zone: str


def all_meters(connection: Connection) -> list[Meter]:
    """Every meter, by serial."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM meters ORDER BY serial")  # noqa: S608  constant
    return [_meter(row) for row in rows]


def meters_by(connection: Connection, column: str, values: Sequence[str]) -> list[Meter]:
    """The meters that have one of these values in a column (`serial`, `logical_device_name`, `consumer_no`)."""
    marks = ", ".join("?" * len(values))
    rows = connection.execute(f"SELECT {_COLUMNS} FROM meters WHERE {column} IN ({marks})", tuple(values))  # noqa: S608
    return [_meter(row) for row in rows]


def find_meter(connection: Connection, serial: str) -> Meter | None:
    """One meter, or None."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM meters WHERE serial = ?", (serial,)).fetchone()  # noqa: S608
    return None if row is None else _meter(row)


def known(connection: Connection, serial: str) -> Known:
    """The meter's row; raises UnknownMeter."""
    row = connection.execute(
        "SELECT id, serial, office, consumer_no, time_zone FROM meters WHERE serial = ?", (serial,)
    ).fetchone()
    if row is None:
        raise UnknownMeter(serial)
    return Known(*row)


def meter_id(connection: Connection, serial: str) -> int:
    """The row id of a meter; raises UnknownMeter."""
    row = connection.execute("SELECT id FROM meters WHERE serial = ?", (serial,)).fetchone()
    if row is None:
        raise UnknownMeter(serial)
    return int(row[0])


def insert_meter(connection: Connection, meter: Meter) -> None:
    """Add a meter; raises InventoryConflict naming the field that another meter already holds."""
    if (column := taken(connection, meter)) is not None:
        raise InventoryConflict(f"meter {meter.serial}: {column}")
    insert_meters(connection, [meter])


def insert_meters(connection: Connection, meters: Sequence[Meter]) -> None:
    """Add meters of which the inventory holds nothing yet."""
    connection.executemany(
        f"INSERT INTO meters ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  constant
        [_values(meter) for meter in meters],
    )


def update_meter(connection: Connection, meter: Meter) -> None:
    """Replace everything of a meter that is already there; its counters, keys and readings stay."""
    connection.execute(
        "UPDATE meters SET (logical_device_name, model, address, system_title, server_sap, lane, office, consumer_no,"
        ' "group", time_zone) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE serial = ?',
        (*_values(meter)[1:], meter.serial),
    )


def taken(connection: Connection, meter: Meter) -> str | None:
    """What of a new meter another one already holds, as a text; None when nothing is."""
    for column, value in (
        ("serial", meter.serial),
        ("logical_device_name", meter.logical_device_name),
        ("consumer_no", meter.consumer_no),
    ):
        row = connection.execute(
            f"SELECT serial FROM meters WHERE {column} = ?",  # noqa: S608  from the constants above
            (value,),
        ).fetchone()
        if row is not None:
            return f"{column} {value} already belongs to meter {row[0]}"
    return None


def pin_title(connection: Connection, serial: str, system_title: bytes) -> None:
    """Pin a system title that is not pinned yet; a different pinned one stands and is an error."""
    changed = connection.execute(
        "UPDATE meters SET system_title = ? WHERE serial = ? AND (system_title IS NULL OR system_title = ?)",
        (system_title, serial, system_title),
    ).rowcount
    if not changed:
        meter_id(connection, serial)
        raise InventoryConflict(f"meter {serial} has another system title pinned than {system_title.hex()}")


def _values(meter: Meter) -> tuple[Any, ...]:
    return (
        meter.serial,
        meter.logical_device_name,
        meter.model,
        meter.address,
        meter.system_title,
        meter.server_sap,
        meter.lane,
        meter.office,
        meter.consumer_no,
        meter.group,
        meter.time_zone,
    )


def _meter(row: tuple[Any, ...]) -> Meter:
    return Meter(*row)
