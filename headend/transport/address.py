"""Where a meter is, as one line of text.

tcp://10.1.2.3:4059                                 wrapper over TCP
udp://10.1.2.3:4059                                 wrapper over UDP
tcp://10.1.2.3:4059?network=1&physical=0102         the same to a device behind a gateway that takes a prefix
hdlc+tcp://10.1.2.3:4001?physical=17                HDLC over TCP, as gateways and modems carry it
hdlc+tcp://10.1.2.3:4001?network=1&device=0102      HDLC to a gateway that takes a prefix, and a device behind it
serial:///dev/ttyUSB0?baud=9600&mode_e=true         HDLC over a serial port or optical head
dial-in:                                            the meter calls us, wrapper over TCP
memory:meter-17                                     inside this process, for tests (also hdlc+memory:...)
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from attrs import field, frozen

from headend.transport.errors import AddressError

#: The port registered for DLMS/COSEM over TCP and UDP.
DLMS_PORT = 4059

#: Rates a serial line may have: those of IEC 62056-21, and the faster ones that meters and modems offer.
BAUD_RATES = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


class Medium(Enum):
    """What carries the octets."""

    TCP = "tcp"
    UDP = "udp"
    SERIAL = "serial"
    MEMORY = "memory"
    DIAL_IN = "dial-in"


class Wire(Enum):
    """How APDUs are told apart on the medium."""

    WRAPPER = "wrapper"
    HDLC = "hdlc"


_SCHEMES: Mapping[str, tuple[Medium, Wire]] = {
    "tcp": (Medium.TCP, Wire.WRAPPER),
    "udp": (Medium.UDP, Wire.WRAPPER),
    "hdlc+tcp": (Medium.TCP, Wire.HDLC),
    "serial": (Medium.SERIAL, Wire.HDLC),
    "dial-in": (Medium.DIAL_IN, Wire.WRAPPER),
    "memory": (Medium.MEMORY, Wire.WRAPPER),
    "hdlc+memory": (Medium.MEMORY, Wire.HDLC),
}

#: The prefix of a gateway (Green Book 10.10): network id, and the octets of the device's physical address in hex. With
#: HDLC `physical` is the address on the link, the gateway's own, so what is behind it has another name there.
_PREFIX_OPTIONS = {Wire.WRAPPER: ("network", "physical"), Wire.HDLC: ("network", "device")}
#: Octets of a physical device address: as many as its length has room for in one octet, and far more than any has.
_LONGEST_PHYSICAL = 127
_HDLC_OPTIONS = ("physical", "address_size", "information", "window")
_SERIAL_OPTIONS = ("baud", "parity", "mode_e")


@frozen
class Address:
    """Where a meter is and how to speak to it; made by `parse_address`.

    `place` is what carries the octets, without options: two meters with one place share it, one after the other.
    """

    text: str
    medium: Medium
    wire: Wire
    host: str = ""
    port: int = DLMS_PORT
    #: Path of a serial device, the name of a memory address, or whose call is meant where the meter dials in.
    device: str = ""
    baud: int = 9600
    parity: str = "none"
    #: Whether an IEC 62056-21 mode E opening comes first.
    mode_e: bool = False
    #: HDLC: lower address of the device; None where the server address has one octet.
    physical: int | None = None
    #: HDLC: octets of the server address (1, 2, 4); None for the shortest.
    address_size: int | None = None
    #: HDLC: the largest information field and window to propose.
    information: int = 128
    window: int = 1
    #: Network id and physical address of a device behind a gateway that takes the prefix; None where there is none.
    behind: tuple[int, bytes] | None = None
    place: str = field(init=False)

    @place.default
    def _place(self) -> str:
        if self.medium in (Medium.TCP, Medium.UDP):
            host = f"[{self.host}]" if ":" in self.host else self.host
            return f"{self.medium.value}://{host}:{self.port}"
        return f"{self.medium.value}:{self.device}"

    def __str__(self) -> str:
        return self.text


def parse_address(text: str) -> Address:
    """The address that `text` writes; AddressError names the fault and the way out."""
    try:
        split = urlsplit(text)
    except ValueError as error:
        raise _wrong(text, f"{error}", "write it like tcp://10.1.2.3:4059") from None
    if split.scheme not in _SCHEMES:
        raise _wrong(text, f"unknown kind {split.scheme or '(none)'!r}", f"start it with one of {_listed(_SCHEMES)}")
    medium, wire = _SCHEMES[split.scheme]
    if split.fragment:
        raise _wrong(text, "a # has no meaning here", "leave it and what follows out")
    if split.username is not None:
        raise _wrong(f"{split.scheme}://...@{split.hostname}", "it holds a password", "put secrets into the key store")
    options = _options(text, split.query, medium, wire)
    if medium in (Medium.TCP, Medium.UDP):
        host, port = _host_and_port(text, split)
        return Address(text, medium, wire, host=host, port=port, **options)
    return Address(text, medium, wire, device=_device(text, split, medium), **options)


def _host_and_port(text: str, split: SplitResult) -> tuple[str, int]:
    try:
        port = split.port
    except ValueError:
        raise _wrong(text, "the port is no number from 1 to 65535", "write it like :4059") from None
    if not split.hostname:
        raise _wrong(text, "the host is missing", f"write it like {split.scheme}://10.1.2.3:{DLMS_PORT}")
    if split.path not in ("", "/"):
        raise _wrong(text, f"{split.path!r} after the port has no meaning", "leave it out")
    if port == 0:
        raise _wrong(text, "port 0 can't be called", "write the port the meter listens on")
    return split.hostname, DLMS_PORT if port is None else port


def _device(text: str, split: SplitResult, medium: Medium) -> str:
    if medium is Medium.DIAL_IN:
        return split.netloc + split.path
    if medium is Medium.MEMORY:
        name = split.netloc + split.path
        if not name:
            raise _wrong(text, "the name is missing", "write it like memory:meter-17")
        return name
    if split.netloc or not split.path.startswith("/") or split.path == "/":
        raise _wrong(text, "the serial device is missing", "write it with three slashes, like serial:///dev/ttyUSB0")
    return split.path


def _options(text: str, query: str, medium: Medium, wire: Wire) -> dict[str, Any]:
    known = _known_options(medium, wire)
    options: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            way_out = f"known here: {_listed(known)}" if known else "leave it out"
            raise _wrong(text, f"option {name!r} is not known for this kind of address", way_out)
        if name in options:
            raise _wrong(text, f"option {name!r} is given twice", "keep one")
        read = _physical_octets if name == _PREFIX_OPTIONS[wire][1] else _OPTION_READERS[name]
        options[name] = read(text, name, value)
    return _prefixed(text, options, *_PREFIX_OPTIONS[wire])


def _known_options(medium: Medium, wire: Wire) -> tuple[str, ...]:
    if medium is Medium.DIAL_IN:
        return ()
    serial = _SERIAL_OPTIONS if medium is Medium.SERIAL else ()
    return (_HDLC_OPTIONS if wire is Wire.HDLC else ()) + _PREFIX_OPTIONS[wire] + serial


def _prefixed(text: str, options: dict[str, Any], network: str, device: str) -> dict[str, Any]:
    """Both options of the gateway's prefix in one."""
    missing = [name for name in (network, device) if name not in options]
    if len(missing) == 1:
        raise _wrong(text, f"{missing[0]} is missing", f"a gateway's prefix takes both, like {network}=1&{device}=0102")
    if not missing:
        options["behind"] = (options.pop(network), options.pop(device))
    return options


def _number(text: str, name: str, value: str, allowed: range | tuple[int, ...]) -> int:
    if value.isascii() and value.isdigit() and len(value) <= 6 and int(value) in allowed:
        return int(value)
    wanted = f"{allowed[0]} to {allowed[-1]}" if isinstance(allowed, range) else _listed(allowed)
    raise _wrong(text, f"{name}={value}", f"use {wanted}")


def _physical(text: str, name: str, value: str) -> int:
    return _number(text, name, value, range(0x4000))


def _network(text: str, name: str, value: str) -> int:
    return _number(text, name, value, range(256))


def _physical_octets(text: str, name: str, value: str) -> bytes:
    if value.isascii() and value.isalnum() and len(value) <= 2 * _LONGEST_PHYSICAL:
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise _wrong(text, f"{name}={value}", "write the octets of the physical address in hex, like 0102")


def _address_size(text: str, name: str, value: str) -> int:
    return _number(text, name, value, (1, 2, 4))


def _information(text: str, name: str, value: str) -> int:
    return _number(text, name, value, range(32, 2031))


def _window(text: str, name: str, value: str) -> int:
    return _number(text, name, value, range(1, 8))


def _baud(text: str, name: str, value: str) -> int:
    return _number(text, name, value, BAUD_RATES)


def _parity(text: str, name: str, value: str) -> str:
    if value in ("none", "even", "odd"):
        return value
    raise _wrong(text, f"{name}={value}", "use none, even or odd")


def _switch(text: str, name: str, value: str) -> bool:
    if value in ("true", "false"):
        return value == "true"
    raise _wrong(text, f"{name}={value}", "use true or false")


_OPTION_READERS = {
    "network": _network,
    "physical": _physical,
    "address_size": _address_size,
    "information": _information,
    "window": _window,
    "baud": _baud,
    "parity": _parity,
    "mode_e": _switch,
}


def _wrong(text: str, fault: str, way_out: str) -> AddressError:
    return AddressError(f"address {text!r}: {fault}; {way_out}")


def _listed(words: Mapping[str, object] | tuple[object, ...]) -> str:
    return ", ".join(str(word) for word in words)
