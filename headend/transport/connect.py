from typing import assert_never

from headend.transport.address import Address, Medium, parse_address
from headend.transport.errors import AddressError, Unreachable
from headend.transport.memory import connect_memory
from headend.transport.opening import Opening, run_opening
from headend.transport.stream import Stream
from headend.transport.tcp import connect_tcp
from headend.transport.udp import connect_udp


async def connect(address: Address | str, deadline: float | None = None, *, opening: Opening | None = None) -> Stream:
    """A stream to `address`, by its kind, before `deadline` (absolute, in the time of the running loop).

    `opening` is what an address with `mode_e=true` needs first. AddressError, Unreachable, DeadlinePassed,
    ConnectionLost.
    """
    if isinstance(address, str):
        address = parse_address(address)
    match address.medium:
        case Medium.TCP:
            return await connect_tcp(address, deadline)
        case Medium.UDP:
            return await connect_udp(address, deadline)
        case Medium.MEMORY:
            return await connect_memory(address)
        case Medium.SERIAL:
            return await _connect_serial(address, deadline, opening)
        case Medium.DIAL_IN:
            raise Unreachable("the meter calls us, and nobody is listening for it here")
        case _:
            assert_never(address.medium)


async def _connect_serial(address: Address, deadline: float | None, opening: Opening | None) -> Stream:
    from headend.transport.serial import connect_serial  # noqa: PLC0415 - pyserial only where a port is used

    if address.mode_e and opening is None:
        raise AddressError(f"address {address}: mode_e needs an opening here; take mode_e=true out of the address")
    stream = await connect_serial(address)
    if opening is not None:
        try:
            await run_opening(stream, opening, deadline)
        except BaseException:
            stream.close()
            raise
    return stream
