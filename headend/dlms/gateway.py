"""A connection to a device behind a gateway: each APDU with the gateway's prefix (Green Book 10.10).

Around any framing, for either role: the gateway takes E6 from the client and gives E7 back, with the network and the
address of the device. What comes from another device is left alone, as a late answer to another visit may.
"""

from headend.dlms.apdu.gateway import (
    GatewayRequest,
    GatewayResponse,
    decode_gateway_request,
    decode_gateway_response,
)
from headend.dlms.errors import RemoteError
from headend.dlms.framing import Framing, ServerFraming


class GatewayFraming:
    """A client's framing to the device `address` on `network_id`; everything else is the framing's below."""

    __slots__ = ("_address", "_below", "_network_id")

    def __init__(self, below: Framing, network_id: int, address: bytes) -> None:
        self._below = below
        self._network_id = network_id
        self._address = address

    @property
    def connected(self) -> bool:
        """Whether APDUs can pass now."""
        return self._below.connected

    @property
    def peer(self) -> int | None:
        """The SAP at the other end."""
        return self._below.peer

    @property
    def waiting(self) -> bool:
        """Whether the link below waits."""
        return self._below.waiting

    def connect(self) -> None:
        """Set the link below up."""
        self._below.connect()

    def disconnect(self) -> None:
        """End the link below."""
        self._below.disconnect()

    def wrap(self, apdu: bytes) -> None:
        """Queue one APDU behind the prefix."""
        self._below.wrap(GatewayRequest(self._network_id, self._address, apdu).encode())

    def feed(self, octets: bytes) -> list[bytes]:
        """The APDUs from our device; RemoteError for one without a prefix."""
        return [apdu for _, apdu in self.feed_addressed(octets)]

    def feed_addressed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """As `feed`, each APDU with the SAP of its sender."""
        return [(sap, apdu) for sap, prefixed in self._below.feed_addressed(octets) for apdu in self._inside(prefixed)]

    def timeout(self) -> list[bytes]:
        """The timer of the link below ran out."""
        return [apdu for prefixed in self._below.timeout() for apdu in self._inside(prefixed)]

    def take_output(self) -> bytes:
        """The octets to send now."""
        return self._below.take_output()

    def _inside(self, octets: bytes) -> list[bytes]:
        if octets[:1] != b"\xe7":
            raise RemoteError("an answer without the gateway's prefix")
        answer = decode_gateway_response(octets)
        return [answer.apdu] if (answer.network_id, answer.address) == (self._network_id, self._address) else []


class GatewayServerFraming(GatewayFraming):
    """The framing of a device that a gateway hands requests to with their prefix."""

    __slots__ = ("_server",)

    def __init__(self, below: ServerFraming, network_id: int, address: bytes) -> None:
        super().__init__(below, network_id, address)
        self._server = below

    @property
    def peer(self) -> int | None:
        """The SAP of the client that is answered."""
        return self._server.peer

    @peer.setter
    def peer(self, sap: int) -> None:
        self._server.peer = sap

    def wrap(self, apdu: bytes) -> None:
        """Queue one answer behind the prefix."""
        self._below.wrap(GatewayResponse(self._network_id, self._address, apdu).encode())

    def _inside(self, octets: bytes) -> list[bytes]:
        if octets[:1] != b"\xe6":
            return []
        request = decode_gateway_request(octets)
        return [request.apdu] if (request.network_id, request.address) == (self._network_id, self._address) else []
