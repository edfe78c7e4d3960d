from functools import lru_cache

from attrs import field, frozen

from headend.dlms.errors import DecodeError, LocalError

#: Client addresses (IEC 62056-46 table 3).
CLIENT_NO_STATION = 0x00
CLIENT_MANAGEMENT = 0x01
CLIENT_PUBLIC = 0x10

#: Upper (logical device) addresses of a server.
NO_STATION = 0x00
MANAGEMENT_LOGICAL_DEVICE = 0x01
ALL_STATION_SHORT = 0x7F
ALL_STATION_LONG = 0x3FFF

#: Lower (physical device) addresses of a server that a device with a call of its own answers.
CALLING_SHORT = 0x7E
CALLING_LONG = 0x3FFE


@frozen
class Address:
    """One HDLC address: `upper` is the logical device or client, `lower` the physical device, None where it is absent.

    `size` is the number of octets on the wire: 1 (upper alone), 2 or 4 (upper and lower, 7 or 14 bits each). A physical
    address of 0 is an address, and stays.
    """

    upper: int
    lower: int | None
    size: int
    #: The address as it goes on the wire; the lowest bit of each octet is 1 in the last one only.
    octets: bytes = field(init=False, repr=False, eq=False)

    @octets.default
    def _octets(self) -> bytes:
        return _encode(self.upper, self.lower, self.size)

    @property
    def is_broadcast(self) -> bool:
        """Whether it calls all stations, so that nobody may answer."""
        return self.upper in _all_station(self.size) or (
            self.lower is not None and self.lower in _all_station(self.size)
        )

    @property
    def is_calling(self) -> bool:
        """Whether it calls whichever device has a call of its own to make."""
        return self.lower is not None and self.lower == (CALLING_LONG if self.size == 4 else CALLING_SHORT)

    def __str__(self) -> str:
        return f"{self.upper}" if self.lower is None else f"{self.upper}/{self.lower}"


def client_address(sap: int) -> Address:
    """The one-octet address of a client; LocalError outside 0 to 127."""
    if not 0 <= sap <= 0x7F:
        raise LocalError(f"client address {sap} does not fit into one octet (0 to 127)")
    return Address(sap, None, 1)


def server_address(logical: int, physical: int | None = None, size: int | None = None) -> Address:
    """The address of a logical device in a physical device, in the shortest form that holds it unless `size` is given.

    LocalError where it does not fit (IEC 62056-46 6.4.2.2).
    """
    if size is None:
        size = _shortest(logical, physical)
    if size not in (1, 2, 4) or (size == 1) != (physical is None):
        raise LocalError(f"an HDLC address of {size} octets can't hold logical {logical}, physical {physical}")
    limit = 0x3FFF if size == 4 else 0x7F
    if not 0 <= logical <= limit or not 0 <= (physical or 0) <= limit:
        raise LocalError(f"HDLC address {logical}/{physical} does not fit into {size} octets (0 to {limit} each)")
    return Address(logical, physical, size)


def _shortest(logical: int, physical: int | None) -> int:
    if physical is None:
        return 1
    return 2 if logical <= 0x7F and physical <= 0x7F else 4


def _all_station(size: int) -> tuple[int, ...]:
    return (ALL_STATION_LONG,) if size == 4 else (ALL_STATION_SHORT,)


def _encode(upper: int, lower: int | None, size: int) -> bytes:
    if lower is None:
        return bytes((upper << 1 | 1,))
    if size == 2:
        return bytes((upper << 1, lower << 1 | 1))
    return bytes((upper >> 6 & 0xFE, upper << 1 & 0xFE, lower >> 6 & 0xFE, lower << 1 & 0xFE | 1))


@lru_cache(maxsize=1024)
def decode_address(octets: bytes) -> Address:
    """The address that exactly these 1, 2 or 4 octets hold; DecodeError where they hold none."""
    size = len(octets)
    if size not in (1, 2, 4) or not octets[-1] & 1 or any(octet & 1 for octet in octets[:-1]):
        raise DecodeError(f"an HDLC address has 1, 2 or 4 octets, the last one odd, not {octets.hex() or 'none'}")
    if size == 1:
        return Address(octets[0] >> 1, None, 1)
    if size == 2:
        return Address(octets[0] >> 1, octets[1] >> 1, 2)
    return Address(octets[0] >> 1 << 7 | octets[1] >> 1, octets[2] >> 1 << 7 | octets[3] >> 1, 4)
