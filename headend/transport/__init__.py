"""Octets to and from meters; knows nothing of what they mean."""

from headend.transport.address import Address, Medium, Wire, parse_address
from headend.transport.connect import connect
from headend.transport.errors import AddressError, ConnectionLost, DeadlinePassed, TransportError, Unreachable
from headend.transport.kept import KeptConnections
from headend.transport.listener import Limits, Listener, listen_tcp
from headend.transport.memory import listen_memory, memory_pair
from headend.transport.opening import Opening
from headend.transport.stream import Stream
from headend.transport.udp import listen_udp

__all__ = [
    "Address",
    "AddressError",
    "ConnectionLost",
    "DeadlinePassed",
    "KeptConnections",
    "Limits",
    "Listener",
    "Medium",
    "Opening",
    "Stream",
    "TransportError",
    "Unreachable",
    "Wire",
    "connect",
    "listen_memory",
    "listen_tcp",
    "listen_udp",
    "memory_pair",
    "parse_address",
]
