"""What a head-end needs to know about the fleet, as files: inventory, keys, consumers."""

import csv
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from headend.errors import HeadendError
from simulator.associations import Role
from simulator.fleet import Fleet
from simulator.meter import Meter
from simulator.sites import Place

#: The head-end's system title towards these meters: three letters of its maker and a number.
CLIENT_TITLE = b"HED" + (1).to_bytes(5, "big")

#: The address of a meter that calls the head-end.
DIAL_IN = "dial-in:"

INVENTORY_COLUMNS = (
    *("serial", "logical_device_name", "system_title", "model", "address", "server_sap"),
    *("lane", "office", "consumer_no", "group", "time_zone"),
)
CONSUMER_COLUMNS = (
    *("consumer_no", "name", "language", "mobile", "category", "office"),
    *("tariff", "protected", "balance_source", "meter", "opening_balance"),
)


class ExportError(HeadendError):
    """A file can't be written; the text names it and the reason."""


def write_inventory(path: Path, fleet: Fleet, place: Callable[[Meter], Place], scheme: str = "tcp") -> None:
    """One row a meter; ExportError if the file can't be written."""
    _write_csv(path, INVENTORY_COLUMNS, (_inventory_row(fleet, meter, place(meter), scheme) for meter in fleet.meters))


def write_consumers(path: Path, fleet: Fleet) -> None:
    """One row a consumer, amounts in rupees; ExportError if the file can't be written."""
    _write_csv(path, CONSUMER_COLUMNS, (_consumer_row(fleet, meter) for meter in fleet.meters))


def write_keys(path: Path, fleet: Fleet) -> None:
    """Setting, reader and push keys of every meter, for the owner's eyes only; ExportError if they can't be written."""
    entries = (_key_entry(meter, role) for meter in fleet.meters for role in (Role.SETTING, Role.READER, Role.PUSH))
    try:
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8") as file:
            file.writelines(entries)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from error


def _inventory_row(fleet: Fleet, meter: Meter, place: Place, scheme: str) -> Sequence[object]:
    identity, consumers = meter.identity, fleet.scenario.consumers
    return (
        *(identity.serial, identity.logical_device_name, identity.system_title.hex(), consumers.model),
        *(
            _address(scheme, place),
            place.server_sap,
            place.lane,
            _office(fleet, meter),
            identity.consumer_no,
        ),
        *(consumers.group, consumers.time_zone),
    )


def _address(scheme: str, place: Place) -> str:
    """A meter that calls has no place where it could be called."""
    return DIAL_IN if scheme == DIAL_IN else f"{scheme}://{place.host}:{place.port}"


def _consumer_row(fleet: Fleet, meter: Meter) -> Sequence[object]:
    identity, consumers = meter.identity, fleet.scenario.consumers
    return (
        *(identity.consumer_no, f"Consumer {identity.number:05d}", "en" if identity.number % 2 else "hi"),
        *(identity.mobile, consumers.category, _office(fleet, meter), consumers.tariff),
        *(fleet.protected(meter), consumers.balance_source, identity.serial),
        f"{Decimal(meter.plan.opening_balance) / 100:.2f}",
    )


def _office(fleet: Fleet, meter: Meter) -> str:
    offices = fleet.scenario.consumers.offices
    return offices[(meter.identity.number - 1) % len(offices)] if offices else ""


def _key_entry(meter: Meter, role: Role) -> str:
    keys = meter.keys(role)
    secrets = {"ek": keys.encryption, "ak": keys.authentication, "secret": keys.secret, "master": keys.master}
    lines = [f'meter = "{meter.identity.serial}"', f'role = "{role.key_name}"']
    lines += [f'{key} = "{value.hex()}"' for key, value in {**secrets, "client_title": CLIENT_TITLE}.items()]
    return "\n".join(["[[keys]]", *lines, "", ""])


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(rows)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror}") from error
