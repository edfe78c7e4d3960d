"""GET: read attributes (Green Book 9.3.6, 9.5)."""

from typing import ClassVar

from attrs import frozen

from headend.dlms import axdr
from headend.dlms import writing as write
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, SelectiveAccess
from headend.dlms.cursor import MAX_ELEMENTS, Cursor
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.errors import DecodeError


@frozen
class GetRequestNormal:
    """Read one attribute; `invoke` is the whole invoke-id-and-priority octet."""

    NAME: ClassVar[str] = "get-request-normal"
    invoke: int
    attribute: CosemAttribute
    access: SelectiveAccess | None = None

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc0\x01%c%b%b" % (self.invoke, write.attribute(self.attribute), write.access(self.access))


@frozen
class GetRequestNext:
    """Ask for the block after `block_number`, which is thereby acknowledged."""

    NAME: ClassVar[str] = "get-request-next"
    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc0\x02%c%b" % (self.invoke, self.block_number.to_bytes(4, "big"))


@frozen
class GetRequestWithList:
    """Read several attributes in one request."""

    NAME: ClassVar[str] = "get-request-with-list"
    invoke: int
    attributes: tuple[tuple[CosemAttribute, SelectiveAccess | None], ...]

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc0\x03%c%b" % (self.invoke, write.attributes(self.attributes))


@frozen
class GetResponseNormal:
    """The value of one attribute, or why there is none."""

    NAME: ClassVar[str] = "get-response-normal"
    invoke: int
    result: EncodedData | DataAccessResult

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc4\x01%c%b" % (self.invoke, encode_get_result(self.result))


@frozen
class GetResponseWithDatablock:
    """One block of a value too long for one APDU; `result` is raw octets or the reason there are none."""

    NAME: ClassVar[str] = "get-response-with-datablock"
    invoke: int
    last_block: bool
    block_number: int
    result: bytes | DataAccessResult

    def encode(self) -> bytes:
        """The octets of the APDU."""
        result = self.result
        if isinstance(result, DataAccessResult):
            tail = b"\x01%c" % result
        else:
            tail = b"\x00%b%b" % (axdr.encode_length(len(result)), result)
        return b"\xc4\x02%c%c%b%b" % (self.invoke, self.last_block, self.block_number.to_bytes(4, "big"), tail)


@frozen
class GetResponseWithList:
    """One result for each attribute of a GetRequestWithList, in its order."""

    NAME: ClassVar[str] = "get-response-with-list"
    invoke: int
    results: tuple[EncodedData | DataAccessResult, ...]

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc4\x03%c%b%b" % (
            self.invoke,
            axdr.encode_length(len(self.results)),
            b"".join(map(encode_get_result, self.results)),
        )


GetRequest = GetRequestNormal | GetRequestNext | GetRequestWithList
GetResponse = GetResponseNormal | GetResponseWithDatablock | GetResponseWithList


def encode_get_result(result: EncodedData | DataAccessResult) -> bytes:
    """A Get-Data-Result: choice 0 and Data, or choice 1 and a data access result."""
    if isinstance(result, DataAccessResult):
        return b"\x01%c" % result
    return b"\x00" + result.octets


def decode_get_result(read: Cursor) -> EncodedData | DataAccessResult:
    """A Get-Data-Result; DecodeError for a choice that doesn't exist."""
    choice = read.octet("choice of the result")
    if choice == 0:
        return read.data()
    if choice == 1:
        return DataAccessResult(read.octet("data access result"))
    raise DecodeError(f"choice {choice} of a Get-Data-Result doesn't exist", read.offset - 1)


def decode_get_request(octets: bytes) -> GetRequest:
    """A whole GET request; DecodeError when it is none."""
    read = Cursor(octets, 1)
    choice = read.octet("choice of the GET request")
    invoke = read.octet("invoke-id")
    apdu: GetRequest
    match choice:
        case 1:
            apdu = GetRequestNormal(invoke, read.attribute(), read.access())
        case 2:
            apdu = GetRequestNext(invoke, read.unsigned(4, "block number"))
        case 3:
            apdu = GetRequestWithList(invoke, read.attributes())
        case _:
            raise DecodeError(f"GET request {choice} doesn't exist", 1)
    read.end()
    return apdu


def decode_get_response(octets: bytes) -> GetResponse:
    """A whole GET response; DecodeError when it is none."""
    # The head of the answer read most often, without the cursor: this is where a collection round spends its time.
    if len(octets) > 4 and octets[1] == 1 and octets[3] == 0:
        end = axdr.skip(octets, 4, [MAX_ELEMENTS])
        if end != len(octets):
            raise DecodeError(f"{len(octets) - end} octets follow the end of the APDU", end)
        return GetResponseNormal(octets[2], EncodedData(octets[4:]))
    read = Cursor(octets, 1)
    choice = read.octet("choice of the GET response")
    invoke = read.octet("invoke-id")
    apdu: GetResponse
    match choice:
        case 1:
            apdu = GetResponseNormal(invoke, decode_get_result(read))
        case 2:
            apdu = _decode_datablock(read, invoke)
        case 3:
            apdu = GetResponseWithList(invoke, _decode_results(read))
        case _:
            raise DecodeError(f"GET response {choice} doesn't exist", 1)
    read.end()
    return apdu


def _decode_results(read: Cursor) -> tuple[EncodedData | DataAccessResult, ...]:
    octets = read.octets
    results: list[EncodedData | DataAccessResult] = []
    for _ in range(read.count("results", least=2)):
        if octets[read.offset : read.offset + 1] == b"\0":  # a value: `decode_get_result` without its calls
            read.offset += 1
            results.append(read.data())
        else:
            results.append(decode_get_result(read))
    return tuple(results)


def _decode_datablock(read: Cursor, invoke: int) -> GetResponseWithDatablock:
    last_block = read.flag("last-block")
    block_number = read.unsigned(4, "block number")
    choice = read.octet("choice of the block's result")
    result: bytes | DataAccessResult
    if choice == 0:
        result = read.octet_string("raw data")
    elif choice == 1:
        result = DataAccessResult(read.octet("data access result"))
    else:
        raise DecodeError(f"choice {choice} of a data block's result doesn't exist", read.offset - 1)
    return GetResponseWithDatablock(invoke, last_block, block_number, result)
