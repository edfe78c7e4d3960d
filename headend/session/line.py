"""From an address to a line that carries APDUs: which stream, and which framing."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from headend.dlms.framing import Framing
from headend.dlms.gateway import GatewayFraming
from headend.dlms.hdlc import HdlcFraming, LinkParameters
from headend.dlms.mode_e import ModeEClient
from headend.dlms.wrapper import WrapperFraming
from headend.transport.address import Address, Wire
from headend.transport.connect import connect
from headend.transport.stream import Stream

#: A stream for one visit, before a deadline in the time of the running loop; given back when the block ends.
Connect = Callable[[Address, float | None], AbstractAsyncContextManager[Stream]]
Connector = Callable[[Address, float | None], Awaitable[Stream]]


def dial(address: Address, deadline: float | None = None) -> AbstractAsyncContextManager[Stream]:
    """A connection of its own for one visit, closed after it."""
    return _Dialled(_connect, address, deadline)


def dialling(connector: Connector) -> Connect:
    """As `dial`, over another way to connect."""
    return lambda address, deadline: _Dialled(connector, address, deadline)


async def _connect(address: Address, deadline: float | None) -> Stream:
    opening = ModeEClient(fastest=address.baud) if address.mode_e else None
    return await connect(address, deadline, opening=opening)


class _Dialled(AbstractAsyncContextManager[Stream]):
    __slots__ = ("_address", "_connector", "_deadline", "_stream")

    def __init__(self, connector: Connector, address: Address, deadline: float | None) -> None:
        self._connector = connector
        self._address = address
        self._deadline = deadline
        self._stream: Stream | None = None

    async def __aenter__(self) -> Stream:
        self._stream = await self._connector(self._address, self._deadline)
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()


def framing_for(address: Address, client_sap: int, server_sap: int) -> Framing:
    """The framing that the address asks for, between these service access points."""
    framing = _line_for(address, client_sap, server_sap)
    return framing if address.behind is None else GatewayFraming(framing, *address.behind)


def _line_for(address: Address, client_sap: int, server_sap: int) -> Framing:
    """The framing to whom the address names first: the meter, or the gateway before it."""
    if address.wire is Wire.WRAPPER:
        return WrapperFraming(client_sap, server_sap)
    parameters = LinkParameters(address.information, address.information, address.window, address.window)
    return HdlcFraming(
        client_sap, server_sap, address.physical, address_size=address.address_size, parameters=parameters
    )
