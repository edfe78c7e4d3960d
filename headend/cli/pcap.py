"""Packet captures (pcap and pcapng): payloads of TCP and UDP, TCP put in order, as far as a trace needs it."""

from collections.abc import Iterator
from ipaddress import ip_address
from struct import Struct, error
from typing import Final, NamedTuple

from headend.dlms.errors import DecodeError

_PCAP_MAGICS: Final = {
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xd4\xc3\xb2\xa1": "<",
    b"\xa1\xb2\x3c\x4d": ">",
    b"\x4d\x3c\xb2\xa1": "<",
}
_PCAPNG_MAGIC: Final = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 3, 6
#: Link types: where the network protocol is named, and where its packet starts.
_ETHERNET, _LOOPBACK, _COOKED, _COOKED_2 = 1, 0, 113, 276
_RAW_IP: Final = (12, 14, 101, 228, 229)
_VLAN: Final = (0x8100, 0x88A8)
_TCP, _UDP = 6, 17
#: Octets of one direction that wait for a packet that is missing.
_MOST_WAITING: Final = 1 << 20


class Flow(NamedTuple):
    """One direction of a conversation; addresses as `host:port`."""

    protocol: str
    source: str
    destination: str


class Payload(NamedTuple):
    """What one packet (the first is 1) adds to a flow."""

    packet: int
    flow: Flow
    octets: bytes


def is_capture(octets: bytes) -> bool:
    """Whether a file with these octets is a packet capture."""
    return octets[:4] in _PCAP_MAGICS or octets[:4] == _PCAPNG_MAGIC


def read_payloads(octets: bytes) -> Iterator[Payload]:
    """The payloads of a capture in its order, TCP without repetitions and in sequence; DecodeError when it is cut."""
    streams: dict[Flow, _Sequence] = {}
    packets = _read_pcapng(octets) if octets[:4] == _PCAPNG_MAGIC else _read_pcap(octets)
    for number, (link, packet) in enumerate(packets, 1):
        try:
            segment = _segment(link, packet)
        except (error, IndexError, ValueError):
            continue  # cut short by the capture's own limit, or something that isn't IP
        if segment is None:
            continue
        flow, sequence, payload = segment
        if sequence is not None:
            payload = streams.setdefault(flow, _Sequence()).add(sequence, payload)
        if payload:
            yield Payload(number, flow, payload)


def _read_pcap(octets: bytes) -> Iterator[tuple[int, bytes]]:
    order = _PCAP_MAGICS[octets[:4]]
    header = Struct(order + "IIII")
    if len(octets) < 24:
        raise DecodeError("a packet capture without a whole header", len(octets))
    link = Struct(order + "I").unpack_from(octets, 20)[0] & 0xFFFF
    at = 24
    while at < len(octets):
        if at + 16 > len(octets):
            raise DecodeError("the packet capture ends inside a packet's header", at)
        size = header.unpack_from(octets, at)[2]
        if at + 16 + size > len(octets):
            raise DecodeError(f"a packet of {size} octets, {len(octets) - at - 16} are left", at)
        yield link, octets[at + 16 : at + 16 + size]
        at += 16 + size


def _read_pcapng(octets: bytes) -> Iterator[tuple[int, bytes]]:
    order = "<"
    links: list[int] = []
    at = 0
    while at + 12 <= len(octets):
        if octets[at : at + 4] == _PCAPNG_MAGIC:
            order = ">" if octets[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d" else "<"
            links = []
        kind, size = Struct(order + "II").unpack_from(octets, at)
        if size < 12 or size % 4 or at + size > len(octets):
            raise DecodeError(f"a block of {size} octets, {len(octets) - at} are left", at)
        body = octets[at + 8 : at + size - 4]
        if kind == _INTERFACE and len(body) >= 2:
            links.append(Struct(order + "H").unpack_from(body)[0])
        if kind == _PACKET and len(body) >= 20:
            interface, _, _, captured, _ = Struct(order + "IIIII").unpack_from(body)
            if interface < len(links):
                yield links[interface], body[20 : 20 + captured]
        if kind == _SIMPLE_PACKET and links:
            yield links[0], body[4:]
        at += size
    if at != len(octets):
        raise DecodeError("the packet capture ends inside a block", at)


def _segment(link: int, packet: bytes) -> tuple[Flow, int | None, bytes] | None:
    """Flow, TCP sequence number and payload of a packet; None for what is neither TCP nor UDP."""
    network = _network(link, packet)
    if network is None:
        return None
    version = network[0] >> 4
    if version == 4:
        if int.from_bytes(network[6:8], "big") & 0x1FFF:
            return None  # a later fragment: DLMS doesn't come in such datagrams
        protocol, hosts = network[9], (network[12:16], network[16:20])
        transport = network[(network[0] & 0x0F) * 4 : int.from_bytes(network[2:4], "big") or None]
    elif version == 6:
        protocol, hosts = network[6], (network[8:24], network[24:40])
        transport = network[40 : 40 + int.from_bytes(network[4:6], "big")]
    else:
        return None
    return _transport(protocol, hosts, transport)


def _network(link: int, packet: bytes) -> bytes | None:
    if link in _RAW_IP:
        return packet
    if link == _LOOPBACK:
        return packet[4:]
    at = {_ETHERNET: 12, _COOKED: 14, _COOKED_2: 0}.get(link)
    if at is None:
        return None
    kind = int.from_bytes(packet[at : at + 2], "big")
    start = at + 2 if link != _COOKED_2 else 20
    while kind in _VLAN:
        kind = int.from_bytes(packet[start + 2 : start + 4], "big")
        start += 4
    return packet[start:] if kind in (0x0800, 0x86DD) else None


def _transport(protocol: int, hosts: tuple[bytes, bytes], transport: bytes) -> tuple[Flow, int | None, bytes] | None:
    if protocol not in (_TCP, _UDP):
        return None
    ports = (int.from_bytes(transport[:2], "big"), int.from_bytes(transport[2:4], "big"))
    source, destination = (f"{ip_address(host)}:{port}" for host, port in zip(hosts, ports, strict=True))
    if protocol == _UDP:
        return Flow("udp", source, destination), None, transport[8 : int.from_bytes(transport[4:6], "big") or None]
    sequence = int.from_bytes(transport[4:8], "big")
    syn = transport[13] & 0x02
    payload = transport[(transport[12] >> 4) * 4 :]
    return Flow("tcp", source, destination), sequence + 1 if syn else sequence, payload


class _Sequence:
    """One direction of a TCP connection: gives each octet once and in order."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, bytes] = {}

    def add(self, sequence: int, payload: bytes) -> bytes:
        """What can be read now that `payload` has arrived at `sequence`."""
        if self._next is None or not payload:
            self._next = sequence if self._next is None else self._next
        ahead = (sequence - self._next) & 0xFFFFFFFF
        if ahead >= 1 << 31:  # sent before: only what is new counts
            payload = payload[(1 << 32) - ahead :]
            ahead = 0
        if ahead:
            self._waiting[sequence] = payload
            if sum(map(len, self._waiting.values())) < _MOST_WAITING:
                return b""
            self._next = min(self._waiting)  # the missing packet was never captured
            payload = b""
        return self._take(payload)

    def _take(self, payload: bytes) -> bytes:
        assert self._next is not None
        read = payload
        self._next = (self._next + len(payload)) & 0xFFFFFFFF
        while self._next in self._waiting:
            payload = self._waiting.pop(self._next)
            read += payload
            self._next = (self._next + len(payload)) & 0xFFFFFFFF
        return read
