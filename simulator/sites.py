"""Where each meter is found: a port of its own, an address of its own, or behind a gateway by its server SAP."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attrs import frozen

from simulator.meter import Meter

#: A wrapper PDU to this wPort is for all stations, so that no meter may have it.
_ALL_STATION = 0x7F
#: Two octets of loopback addresses, from 127.1.0.1 on.
_FIRST_ADDRESS = 0x7F01_0001


class Site(NamedTuple):
    """One place to connect to; `meters` by server SAP. `gateway` is its name if several meters share it."""

    host: str
    port: int
    meters: dict[int, Meter]
    gateway: str = ""


@frozen
class Place:
    """How one meter is reached."""

    host: str
    port: int
    server_sap: int
    lane: str


def own_ports(meters: Sequence[Meter], host: str, port: int) -> list[Site]:
    """A port for each meter from `port` on; with port 0 the system chooses each."""
    return [Site(host, port + index if port else 0, {1: meter}) for index, meter in enumerate(meters)]


def gateways(meters: Sequence[Meter], host: str, port: int, number: int) -> list[Site]:
    """`number` ports, the meters dealt out among them; behind each the SAPs count from 1."""
    sites = []
    for index in range(number):
        behind = dict(zip(_saps(), meters[index::number], strict=False))
        sites.append(Site(host, port + index if port else 0, behind, f"gateway-{index + 1}"))
    return sites


def loopback_address(number: int) -> str:
    """The address of meter `number`, counted from 1, in 127.0.0.0/8."""
    return ".".join(str(octet) for octet in (_FIRST_ADDRESS + number - 1).to_bytes(4, "big"))


def number_at(address: str) -> int:
    """The number of the meter at a loopback address; below 1 where there is none."""
    return int.from_bytes(bytes(map(int, address.split("."))), "big") - _FIRST_ADDRESS + 1


def _saps() -> Iterator[int]:
    return (sap for sap in range(1, 0x10000) if sap != _ALL_STATION)
