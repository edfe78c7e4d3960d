"""From an address to a line that carries APDUs: which stream, and which framing."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from headend.dlms.framing import Framing
from headend.dlms.hdlc import HdlcFraming, LinkParameters
from headend.dlms.mode_e import ModeEClient
from headend.dlms.wrapper import WrapperFraming
from headend.transport.address import Address, Wire
from headend.transport.connect import connect
from headend.transport.stream import Stream

#: A stream for one visit, before a deadline in the time of the running loop; given back when the block ends.
Connect = Callable[[Address, float | None], AbstractAsyncContextManager[Stream]]


@asynccontextmanager
async def dial(address: Address, deadline: float | None = None) -> AsyncIterator[Stream]:
    """A connection of its own for one visit, closed after it."""
    opening = ModeEClient(fastest=address.baud) if address.mode_e else None
    stream = await connect(address, deadline, opening=opening)
    try:
        yield stream
    finally:
        stream.close()


def dialling(connector: Callable[[Address, float | None], Awaitable[Stream]]) -> Connect:
    """As `dial`, over another way to connect."""

    @asynccontextmanager
    async def lend(address: Address, deadline: float | None) -> AsyncIterator[Stream]:
        stream = await connector(address, deadline)
        try:
            yield stream
        finally:
            stream.close()

    return lend


def framing_for(address: Address, client_sap: int, server_sap: int) -> Framing:
    """The framing that the address asks for, between these service access points."""
    if address.wire is Wire.WRAPPER:
        return WrapperFraming(client_sap, server_sap)
    parameters = LinkParameters(address.information, address.information, address.window, address.window)
    return HdlcFraming(
        client_sap, server_sap, address.physical, address_size=address.address_size, parameters=parameters
    )
