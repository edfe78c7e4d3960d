"""Who a meter is: names, numbers and keys, all derived from the fleet's seed and the meter's place in it."""

from hashlib import blake2b
from typing import NamedTuple

from attrs import field, frozen

from simulator.associations import Role

#: The first serial number is one above this: eight digits, as printed on a meter.
_SERIAL_BASE = 10_000_000
_CONSUMER_BASE = 20_000_000_000
_MOBILE_BASE = 9_000_000_000


class Identity(NamedTuple):
    """What the meter says it is; `number` counts from 1."""

    number: int
    maker: str

    @property
    def serial(self) -> str:
        """The serial number, 0.0.96.1.0.255."""
        return str(_SERIAL_BASE + self.number)

    @property
    def logical_device_name(self) -> str:
        """The maker's three letters and the serial number, 0.0.42.0.0.255."""
        return self.maker + self.serial

    @property
    def system_title(self) -> bytes:
        """The maker's three letters and five octets of the serial number (Green Book 4.3.4)."""
        return self.maker.encode() + (_SERIAL_BASE + self.number).to_bytes(5, "big")

    @property
    def consumer_no(self) -> str:
        """Eleven digits."""
        return str(_CONSUMER_BASE + self.number)

    @property
    def mobile(self) -> str:
        """Ten digits."""
        return str(_MOBILE_BASE + self.number)


@frozen
class Keys:
    """The secrets of one meter and role. For LLS `secret` is the password, for HLS-GMAC it is not used on the wire."""

    encryption: bytes = field(repr=False)
    authentication: bytes = field(repr=False)
    secret: bytes = field(repr=False)
    master: bytes = field(repr=False)


def meter_seed(seed: int, number: int) -> bytes:
    """Eight octets of chance that belong to one meter."""
    return blake2b(f"{seed}:{number}".encode(), digest_size=8, person=b"meter").digest()


def derive_keys(seed: int, number: int, role: Role) -> Keys:
    """The keys of one meter and role: for simulation only, whoever knows the fleet's seed knows them all."""
    octets = blake2b(f"{seed}:{number}:{role.key_name}".encode(), digest_size=64, person=b"keys").digest()
    # A password is typed by people: 16 hexadecimal characters. The master key wraps the others, so it is one a meter.
    secret = octets[32:40].hex().encode()
    master = blake2b(f"{seed}:{number}".encode(), digest_size=16, person=b"master").digest()
    return Keys(octets[:16], octets[16:32], secret, master)
