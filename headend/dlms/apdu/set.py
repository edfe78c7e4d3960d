"""SET: write attributes (Green Book 9.3.7, 9.5).

What is written may be a secret, so no representation shows it.
"""

from typing import ClassVar

from attrs import field, frozen

from headend.dlms import axdr
from headend.dlms import writing as write
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute, SelectiveAccess
from headend.dlms.cursor import Cursor
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.errors import DecodeError


@frozen
class SetRequestNormal:
    """Write one attribute; `invoke` is the whole invoke-id-and-priority octet."""

    NAME: ClassVar[str] = "set-request-normal"
    invoke: int
    attribute: CosemAttribute
    access: SelectiveAccess | None
    data: EncodedData = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc1\x01%c%b%b%b" % (
            self.invoke,
            write.attribute(self.attribute),
            write.access(self.access),
            self.data.octets,
        )


@frozen
class SetRequestWithFirstDatablock:
    """The first block of a value too long for one APDU, with the attribute it is for."""

    NAME: ClassVar[str] = "set-request-with-first-datablock"
    invoke: int
    attribute: CosemAttribute
    access: SelectiveAccess | None
    last_block: bool
    block_number: int
    raw_data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc1\x02%c%b%b%b" % (
            self.invoke,
            write.attribute(self.attribute),
            write.access(self.access),
            encode_block(last_block=self.last_block, block_number=self.block_number, raw_data=self.raw_data),
        )


@frozen
class SetRequestWithDatablock:
    """A later block of the value that a first block announced."""

    NAME: ClassVar[str] = "set-request-with-datablock"
    invoke: int
    last_block: bool
    block_number: int
    raw_data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc1\x03%c%b" % (
            self.invoke,
            encode_block(last_block=self.last_block, block_number=self.block_number, raw_data=self.raw_data),
        )


@frozen
class SetRequestWithList:
    """Write several attributes in one request; one value for each, in order."""

    NAME: ClassVar[str] = "set-request-with-list"
    invoke: int
    attributes: tuple[tuple[CosemAttribute, SelectiveAccess | None], ...]
    data: tuple[EncodedData, ...] = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc1\x04%c%b%b" % (self.invoke, write.attributes(self.attributes), write.data_list(self.data))


@frozen
class SetRequestWithListAndFirstDatablock:
    """The first block of a list of values, with the attributes they are for."""

    NAME: ClassVar[str] = "set-request-with-list-and-first-datablock"
    invoke: int
    attributes: tuple[tuple[CosemAttribute, SelectiveAccess | None], ...]
    last_block: bool
    block_number: int
    raw_data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc1\x05%c%b%b" % (
            self.invoke,
            write.attributes(self.attributes),
            encode_block(last_block=self.last_block, block_number=self.block_number, raw_data=self.raw_data),
        )


@frozen
class SetResponseNormal:
    """The outcome for one attribute."""

    NAME: ClassVar[str] = "set-response-normal"
    invoke: int
    result: DataAccessResult

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc5\x01%c%c" % (self.invoke, self.result)


@frozen
class SetResponseDatablock:
    """A block, not the last, has arrived."""

    NAME: ClassVar[str] = "set-response-datablock"
    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc5\x02%c%b" % (self.invoke, self.block_number.to_bytes(4, "big"))


@frozen
class SetResponseLastDatablock:
    """The last block has arrived; the outcome for the attribute."""

    NAME: ClassVar[str] = "set-response-last-datablock"
    invoke: int
    result: DataAccessResult
    block_number: int

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc5\x03%c%c%b" % (self.invoke, self.result, self.block_number.to_bytes(4, "big"))


@frozen
class SetResponseLastDatablockWithList:
    """The last block has arrived; one outcome for each attribute."""

    NAME: ClassVar[str] = "set-response-last-datablock-with-list"
    invoke: int
    results: tuple[DataAccessResult, ...]
    block_number: int

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc5\x04%c%b%b%b" % (
            self.invoke,
            axdr.encode_length(len(self.results)),
            bytes(self.results),
            self.block_number.to_bytes(4, "big"),
        )


@frozen
class SetResponseWithList:
    """One outcome for each attribute of a SetRequestWithList, in its order."""

    NAME: ClassVar[str] = "set-response-with-list"
    invoke: int
    results: tuple[DataAccessResult, ...]

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc5\x05%c%b%b" % (self.invoke, axdr.encode_length(len(self.results)), bytes(self.results))


SetRequest = (
    SetRequestNormal
    | SetRequestWithFirstDatablock
    | SetRequestWithDatablock
    | SetRequestWithList
    | SetRequestWithListAndFirstDatablock
)
SetResponse = (
    SetResponseNormal
    | SetResponseDatablock
    | SetResponseLastDatablock
    | SetResponseLastDatablockWithList
    | SetResponseWithList
)


def encode_block(*, last_block: bool, block_number: int, raw_data: bytes) -> bytes:
    """A DataBlock-SA: last-block, block number, raw data."""
    return b"%c%b%b%b" % (last_block, block_number.to_bytes(4, "big"), axdr.encode_length(len(raw_data)), raw_data)


def decode_block(read: Cursor) -> tuple[bool, int, bytes]:
    """A DataBlock-SA: last-block, block number, raw data."""
    return read.flag("last-block"), read.unsigned(4, "block number"), read.octet_string("raw data")


def decode_set_request(octets: bytes) -> SetRequest:
    """A whole SET request; DecodeError when it is none."""
    read = Cursor(octets, 1)
    choice = read.octet("choice of the SET request")
    invoke = read.octet("invoke-id")
    apdu: SetRequest
    match choice:
        case 1:
            apdu = SetRequestNormal(invoke, read.attribute(), read.access(), read.data())
        case 2:
            apdu = SetRequestWithFirstDatablock(invoke, read.attribute(), read.access(), *decode_block(read))
        case 3:
            apdu = SetRequestWithDatablock(invoke, *decode_block(read))
        case 4:
            apdu = SetRequestWithList(invoke, read.attributes(), read.data_list())
        case 5:
            apdu = SetRequestWithListAndFirstDatablock(invoke, read.attributes(), *decode_block(read))
        case _:
            raise DecodeError(f"SET request {choice} doesn't exist", 1)
    read.end()
    return apdu


def decode_set_response(octets: bytes) -> SetResponse:
    """A whole SET response; DecodeError when it is none."""
    read = Cursor(octets, 1)
    choice = read.octet("choice of the SET response")
    invoke = read.octet("invoke-id")
    apdu: SetResponse
    match choice:
        case 1:
            apdu = SetResponseNormal(invoke, _result(read))
        case 2:
            apdu = SetResponseDatablock(invoke, read.unsigned(4, "block number"))
        case 3:
            apdu = SetResponseLastDatablock(invoke, _result(read), read.unsigned(4, "block number"))
        case 4:
            apdu = SetResponseLastDatablockWithList(invoke, _results(read), read.unsigned(4, "block number"))
        case 5:
            apdu = SetResponseWithList(invoke, _results(read))
        case _:
            raise DecodeError(f"SET response {choice} doesn't exist", 1)
    read.end()
    return apdu


def _result(read: Cursor) -> DataAccessResult:
    return DataAccessResult(read.octet("data access result"))


def _results(read: Cursor) -> tuple[DataAccessResult, ...]:
    return tuple(map(DataAccessResult, read.take(read.count("results", least=1), "results")))
