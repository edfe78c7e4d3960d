"""The wrapper of DLMS/COSEM over TCP and UDP: version, source wPort, destination wPort, length, each 16 bits."""

from struct import Struct
from typing import NamedTuple

from headend.dlms.errors import DecodeError, LocalError

VERSION = 1
HEADER_LENGTH = 8

#: Client and server wPorts (IEC 62056-47 6.4): the same numbers as the SAPs.
ALL_STATION = 0x7F

_HEADER = Struct(">HHHH")
#: All of a header that stays the same for one direction between two wPorts.
_BEGINNING = Struct(">HHH")
_LARGEST_APDU = 0xFFFF


class WrapperPdu(NamedTuple):
    """One wrapper PDU: where it comes from, where it goes, and the APDU inside."""

    source: int
    destination: int
    apdu: bytes


def encode_wrapper(source: int, destination: int, apdu: bytes) -> bytes:
    """`apdu` behind its wrapper header; LocalError where a number does not fit into 16 bits."""
    length = len(apdu)
    if not (0 <= source <= 0xFFFF and 0 <= destination <= 0xFFFF and length <= _LARGEST_APDU):
        raise LocalError(f"wrapper header can't hold source {source}, destination {destination}, {length} octets")
    return _HEADER.pack(VERSION, source, destination, length) + apdu


def decode_wrapper(octets: bytes, offset: int = 0) -> tuple[WrapperPdu, int]:
    """The PDU that starts at `offset`, and the offset after it; DecodeError where it is not whole."""
    source, destination, length = decode_wrapper_header(octets, offset)
    start = offset + HEADER_LENGTH
    end = start + length
    if len(octets) < end:
        raise DecodeError(f"wrapper length {length}, but {len(octets) - start} octets follow", offset + 6)
    return WrapperPdu(source, destination, bytes(octets[start:end])), end


def decode_wrapper_header(octets: bytes | bytearray, offset: int = 0) -> tuple[int, int, int]:
    """Source, destination and length of the header at `offset`; DecodeError where there is none."""
    if len(octets) - offset < HEADER_LENGTH:
        raise DecodeError(f"wrapper header of 8 octets cut after {len(octets) - offset}", offset)
    version, source, destination, length = _HEADER.unpack_from(octets, offset)
    if version != VERSION:
        raise DecodeError(f"wrapper version {version}, only {VERSION} is defined", offset)
    return source, destination, length


def decode_datagram(octets: bytes) -> WrapperPdu:
    """The one PDU of a UDP datagram; DecodeError where octets are missing or left over."""
    pdu, end = decode_wrapper(octets)
    if end != len(octets):
        raise DecodeError(f"{len(octets) - end} octets follow the wrapper PDU in one datagram", end)
    return pdu


class WrapperFraming:
    """The client's end of a stream of wrapper PDUs: APDUs to octets and back, whatever the chunks.

    `source` is the client's wPort, `destination` the server's. A PDU between other wPorts is for somebody else (a
    gateway's other meter, a late answer): it is counted in `strays` and never handed up.
    """

    __slots__ = (
        "_expected",
        "_fault",
        "_incoming",
        "_input",
        "_largest_apdu",
        "_outgoing",
        "_output",
        "destination",
        "source",
        "strays",
    )

    def __init__(self, source: int, destination: int, *, largest_apdu: int = _LARGEST_APDU) -> None:
        self.source = source
        self.destination = destination
        self.strays = 0
        self._outgoing: bytes | None
        self._incoming: bytes | None
        self._expected: bytes | None
        self._outgoing, self._incoming = _beginnings(source, destination)
        #: How the next chunk begins if it is one whole PDU for us; None where something came before it.
        self._expected = self._incoming
        self._largest_apdu = largest_apdu
        self._input = bytearray()
        self._output = b""
        self._fault: DecodeError | None = None

    @property
    def connected(self) -> bool:
        """Always true: the wrapper has no link of its own to set up."""
        return True

    @property
    def peer(self) -> int | None:
        """The wPort at the other end."""
        return self.destination

    @property
    def waiting(self) -> bool:
        """Always false: nothing is repeated on a stream that loses nothing."""
        return False

    @property
    def pending(self) -> int:
        """How many octets of an unfinished PDU are held."""
        return len(self._input)

    def connect(self) -> None:
        """Nothing to do for the wrapper."""

    def disconnect(self) -> None:
        """Nothing to do for the wrapper."""

    def timeout(self) -> list[bytes]:
        """Nothing to repeat for the wrapper."""
        return []

    def wrap(self, apdu: bytes) -> None:
        """Queue one APDU as output; LocalError above 65535 octets, or the fault that the stream has."""
        length = len(apdu)
        if self._fault is None and length <= _LARGEST_APDU and self._outgoing is not None:
            self._output += self._outgoing + length.to_bytes(2, "big") + apdu
            return
        self._raise_fault()
        self._output += encode_wrapper(self.source, self.destination, apdu)

    def take_output(self) -> bytes:
        """The octets to send now; they are forgotten here."""
        output, self._output = self._output, b""
        return output

    def feed(self, octets: bytes) -> list[bytes]:
        """The APDUs that `octets` complete.

        DecodeError on a header that can't be one: nothing after it on this stream can be trusted, so every later call
        raises it again. APDUs before it in the same chunk are given first, the error with the next call.
        """
        # One whole PDU from the one we talk to, in one chunk: nearly always.
        if octets[:6] == self._expected and len(octets) > HEADER_LENGTH:
            length = len(octets) - HEADER_LENGTH
            if octets[6] << 8 | octets[7] == length and length <= self._largest_apdu:
                return [bytes(octets)[HEADER_LENGTH:]]
        return [apdu for _, apdu in self.feed_addressed(octets)]

    def feed_addressed(self, octets: bytes) -> list[tuple[int, bytes]]:
        """As `feed`, each APDU with the wPort it came from."""
        pdus = [] if self._fault is not None else self._split(octets)
        self._expected = self._incoming if self._fault is None and not self._input else None
        if not pdus:
            self._raise_fault()
        return [(pdu.source, pdu.apdu) for pdu in pdus if self._is_for_us(pdu)]

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise DecodeError(self._fault.reason, self._fault.offset)

    def _split(self, chunk: bytes) -> list[WrapperPdu]:
        octets = self._input
        octets += chunk
        pdus: list[WrapperPdu] = []
        start = 0
        while len(octets) - start >= HEADER_LENGTH:
            try:
                source, destination, length = self._header(start)
            except DecodeError as fault:
                self._fault = fault
                octets.clear()
                return pdus
            end = start + HEADER_LENGTH + length
            if len(octets) < end:
                break
            pdus.append(WrapperPdu(source, destination, bytes(octets[start + HEADER_LENGTH : end])))
            start = end
        del octets[:start]
        return pdus

    def _header(self, start: int) -> tuple[int, int, int]:
        header = decode_wrapper_header(self._input, start)
        if header[2] > self._largest_apdu:
            raise DecodeError(f"APDU of {header[2]} octets, at most {self._largest_apdu} are taken", start + 6)
        return header

    def _is_for_us(self, pdu: WrapperPdu) -> bool:
        if self._is_between(pdu.source, pdu.destination):
            return True
        self.strays += 1
        return False

    def _is_between(self, source: int, destination: int) -> bool:
        return source == self.destination and destination == self.source


def _beginnings(source: int, destination: int) -> tuple[bytes, bytes] | tuple[None, None]:
    """What the headers of PDUs out and in begin with; None where a number does not fit, which `wrap` then tells."""
    if not (0 <= source <= 0xFFFF and 0 <= destination <= 0xFFFF):
        return None, None
    return _BEGINNING.pack(VERSION, source, destination), _BEGINNING.pack(VERSION, destination, source)


class WrapperServerFraming(WrapperFraming):
    """The server's end: takes what is addressed to `logical_device`, and answers whoever asked last (`peer`).

    A request to all stations is taken too. `peer` may be set to answer another client of the same stream.
    """

    __slots__ = ("_peer",)

    def __init__(self, logical_device: int, *, largest_apdu: int = _LARGEST_APDU) -> None:
        super().__init__(logical_device, 0, largest_apdu=largest_apdu)
        self._incoming = self._expected = None  # anybody may ask
        self._peer: int | None = None

    @property
    def peer(self) -> int | None:
        """The wPort of the client that asked last, None before the first request."""
        return self._peer

    @peer.setter
    def peer(self, wport: int) -> None:
        self._peer = wport

    def wrap(self, apdu: bytes) -> None:
        """Queue one APDU for `peer`; LocalError where nobody asked yet."""
        self._raise_fault()
        if self._peer is None:
            raise LocalError("no client asked yet, so there is nobody to answer")
        self._output += encode_wrapper(self.source, self._peer, apdu)

    def _is_between(self, source: int, destination: int) -> bool:
        if destination not in (self.source, ALL_STATION):
            return False
        self._peer = source
        return True
