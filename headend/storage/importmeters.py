"""Import of the inventory from CSV. It may be repeated: a line that says what is known changes nothing."""

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from sys import intern
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import evolve

from headend.meters.inventory import Meter
from headend.storage import importing
from headend.storage.csvfile import Cells, read_lines
from headend.storage.csvfile import Line as FileLine
from headend.storage.errors import ImportRefused, Problem
from headend.storage.importing import Plan
from headend.storage.inventory import insert_meters, meters_by, update_meter
from headend.storage.sqlite import Connection

COLUMNS: Final = (
    "serial",
    "logical_device_name",
    "system_title",
    "model",
    "address",
    "server_sap",
    "lane",
    "office",
    "consumer_no",
    "group",
    "time_zone",
)

#: A line of the file with its number.
Line = tuple[int, Meter]

_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+]*://[!-~]+|dial-in:[!-~]*")
_DEFAULT_ZONE: Final = "Asia/Kolkata"


def parse_meters(file: Path, models: frozenset[str] | None = None) -> tuple[list[tuple[int, Meter]], list[Problem]]:
    """The meters of a file with their lines, and what is wrong with it; `models` may be named (None: any)."""
    problems: list[Problem] = []
    meters = []
    for line in read_lines(file, COLUMNS, problems):
        cells = Cells(line, problems)
        meter = _meter(cells)
        if not cells.failed:
            meters.append((line.number, meter))
    _refuse_unknown_models(meters, models, problems)
    _refuse_twins(meters, problems)
    return meters, problems


def check_meter(meter: Meter, models: frozenset[str] | None = None) -> None:
    """Hold one meter that is added by hand to the same rules; raises ImportRefused with line 0."""
    problems: list[Problem] = []
    cells = Cells(FileLine(0, _cells(meter)), problems)
    _refuse_unknown_models([(0, _meter(cells))], models, problems)
    if problems:
        raise ImportRefused(f"meter {meter.serial}", tuple(problems))


def _refuse_unknown_models(
    meters: list[tuple[int, Meter]], models: frozenset[str] | None, problems: list[Problem]
) -> None:
    if models is None:
        return
    for line, meter in meters:
        if meter.model not in models:
            known = ", ".join(sorted(models))
            problems.append(Problem(line, "model", f"no meter model is named {meter.model!r}; known are {known}"))


def plan_meters(connection: Connection, piece: Sequence[Line]) -> Plan[Line]:
    """What these lines would do to the inventory."""
    known, names, consumers = _around(connection, piece)
    problems: list[Problem] = []
    new: list[Line] = []
    changed: list[tuple[Line, Meter]] = []
    for line, told in piece:
        before = known.get(told.serial)
        meter = told if before is None else _merged(before, told)
        problems += [Problem(line, *wrong) for wrong in _contradictions(before, meter, names, consumers)]
        if before is None:
            new.append((line, meter))
        elif before != meter:
            changed.append(((line, meter), before))
    return Plan(tuple(problems), tuple(new), tuple(changed), len(piece) - len(new) - len(changed))


def write_meters(connection: Connection, plan: Plan[Line]) -> None:
    """Add and change meters in the current transaction."""
    insert_meters(connection, [meter for _, meter in plan.new])
    for (_, meter), _ in plan.changed:
        update_meter(connection, meter)


def _around(connection: Connection, piece: Sequence[Line]) -> tuple[dict[str, Meter], dict[str, str], dict[str, str]]:
    """The meters that these lines name, and who has the device names and consumers that they tell."""
    meters = [meter for _, meter in piece]
    serials = [meter.serial for meter in meters]
    names = [meter.logical_device_name for meter in meters]
    numbers = [meter.consumer_no for meter in meters if meter.consumer_no is not None]
    known = {meter.serial: meter for meter in meters_by(connection, "serial", serials)}
    holders = {each.logical_device_name: each.serial for each in meters_by(connection, "logical_device_name", names)}
    owners = {each.consumer_no or "": each.serial for each in meters_by(connection, "consumer_no", numbers)}
    return known, holders, owners


def _meter(cells: Cells) -> Meter:
    return Meter(
        serial=cells.take("serial", importing.serial, ""),
        logical_device_name=cells.take("logical_device_name", _device_name, ""),
        model=intern(cells.take("model", importing.required, "")),
        address=cells.take("address", _address, ""),
        system_title=cells.take("system_title", _TITLE_OR_NONE, None),
        server_sap=cells.take("server_sap", _sap, 1),
        lane=intern(cells.take("lane", importing.optional, "")),
        office=intern(cells.take("office", importing.office, "")),
        consumer_no=cells.take("consumer_no", _CONSUMER_OR_NONE, None),
        group=intern(cells.take("group", importing.optional, "") or "default"),
        time_zone=intern(cells.take("time_zone", _zone, _DEFAULT_ZONE)),
    )


def _cells(meter: Meter) -> dict[str, str]:
    return {
        "serial": meter.serial,
        "logical_device_name": meter.logical_device_name,
        "system_title": meter.system_title.hex() if meter.system_title is not None else "",
        "model": meter.model,
        "address": meter.address,
        "server_sap": str(meter.server_sap),
        "lane": meter.lane,
        "office": meter.office,
        "consumer_no": meter.consumer_no or "",
        "group": meter.group,
        "time_zone": meter.time_zone,
    }


def _merged(before: Meter, now: Meter) -> Meter:
    """An empty cell for something that was learned or linked since leaves it as it is."""
    return evolve(
        now,
        system_title=before.system_title if now.system_title is None else now.system_title,
        consumer_no=before.consumer_no if now.consumer_no is None else now.consumer_no,
    )


def _contradictions(
    before: Meter | None, meter: Meter, names: dict[str, str], consumers: dict[str, str]
) -> list[tuple[str, str]]:
    wrong = []
    holder = names.get(meter.logical_device_name, meter.serial)
    if holder != meter.serial:
        wrong.append(("logical_device_name", f"{meter.logical_device_name} already belongs to meter {holder}"))
    if meter.consumer_no is not None:
        holder = consumers.get(meter.consumer_no, meter.serial)
        if holder != meter.serial:
            wrong.append(("consumer_no", f"{meter.consumer_no} already has meter {holder}"))
    if before is None:
        return wrong
    if before.consumer_no is not None and meter.consumer_no != before.consumer_no:
        wrong.append(("consumer_no", f"the meter belongs to consumer {before.consumer_no}; an import does not move it"))
    if before.system_title is not None and meter.system_title != before.system_title:
        wrong.append(
            ("system_title", f"{before.system_title.hex()} is pinned for this meter; an import does not change it")
        )
    return wrong


def _refuse_twins(meters: list[tuple[int, Meter]], problems: list[Problem]) -> None:
    numbers = [(meter.consumer_no, line) for line, meter in meters if meter.consumer_no is not None]
    problems += importing.twins("serial", [(meter.serial, line) for line, meter in meters])
    problems += importing.twins("logical_device_name", [(meter.logical_device_name, line) for line, meter in meters])
    problems += importing.twins("consumer_no", numbers)


def _device_name(text: str) -> str:
    if not text.isascii() or not 1 <= len(text) <= 64:
        raise ValueError("a logical device name has 1 to 64 ASCII characters")
    return text


def _title(text: str) -> bytes:
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != 8:
        raise ValueError(f"{text!r} is not a system title; it has 16 hexadecimal digits")
    return octets


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is not an address; write for example tcp://10.0.0.7:4059")
    return text


def _sap(text: str) -> int:
    if not text:
        return 1
    if not text.isascii() or not text.isdecimal() or not 0 <= int(text) <= 0xFFFF:
        raise ValueError(f"{text!r} is not a server address; it is a number from 0 to 65535")
    return int(text)


@functools.lru_cache(maxsize=1024)
def _zone(text: str) -> str:
    try:
        ZoneInfo(text or _DEFAULT_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is not a time zone; write for example Asia/Kolkata") from None
    return text or _DEFAULT_ZONE


_TITLE_OR_NONE: Final = importing.or_none(_title)
_CONSUMER_OR_NONE: Final = importing.or_none(importing.consumer_no)
