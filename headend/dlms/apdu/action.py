"""ACTION: invoke methods (Green Book 9.3.8, 9.5).

Parameters may be secrets, so no representation shows them.
"""

from typing import ClassVar

from attrs import field, frozen

from headend.dlms import axdr
from headend.dlms import writing as write
from headend.dlms.apdu.get import decode_get_result, encode_get_result
from headend.dlms.apdu.set import decode_block, encode_block
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemMethod
from headend.dlms.cursor import Cursor
from headend.dlms.enumerations import ActionResult, DataAccessResult
from headend.dlms.errors import DecodeError


@frozen
class ActionRequestNormal:
    """Invoke one method; `invoke` is the whole invoke-id-and-priority octet."""

    NAME: ClassVar[str] = "action-request-normal"
    invoke: int
    method: CosemMethod
    parameters: EncodedData | None = field(default=None, repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        tail = b"\x00" if self.parameters is None else b"\x01" + self.parameters.octets
        return b"\xc3\x01%c%b%b" % (self.invoke, write.method(self.method), tail)


@frozen
class ActionRequestNextPblock:
    """Ask for the block of return parameters after `block_number`."""

    NAME: ClassVar[str] = "action-request-next-pblock"
    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc3\x02%c%b" % (self.invoke, self.block_number.to_bytes(4, "big"))


@frozen
class ActionRequestWithList:
    """Invoke several methods; one Data for each, null-data where a method takes none."""

    NAME: ClassVar[str] = "action-request-with-list"
    invoke: int
    methods: tuple[CosemMethod, ...]
    parameters: tuple[EncodedData, ...] = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc3\x03%c%b%b" % (self.invoke, write.methods(self.methods), write.data_list(self.parameters))


@frozen
class ActionRequestWithFirstPblock:
    """The first block of parameters too long for one APDU, with the method they are for."""

    NAME: ClassVar[str] = "action-request-with-first-pblock"
    invoke: int
    method: CosemMethod
    last_block: bool
    block_number: int
    raw_data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc3\x04%c%b%b" % (
            self.invoke,
            write.method(self.method),
            encode_block(last_block=self.last_block, block_number=self.block_number, raw_data=self.raw_data),
        )


@frozen
class ActionRequestWithListAndFirstPblock:
    """The first block of a list of parameters, with the methods they are for."""

    NAME: ClassVar[str] = "action-request-with-list-and-first-pblock"
    invoke: int
    methods: tuple[CosemMethod, ...]
    last_block: bool
    block_number: int
    raw_data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc3\x05%c%b%b" % (
            self.invoke,
            write.methods(self.methods),
            encode_block(last_block=self.last_block, block_number=self.block_number, raw_data=self.raw_data),
        )


@frozen
class ActionRequestWithPblock:
    """A later block of the parameters that a first block announced."""

    NAME: ClassVar[str] = "action-request-with-pblock"
    invoke: int
    last_block: bool
    block_number: int
    raw_data: bytes = field(repr=False)

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc3\x06%c%b" % (
            self.invoke,
            encode_block(last_block=self.last_block, block_number=self.block_number, raw_data=self.raw_data),
        )


@frozen
class ActionResponseNormal:
    """The outcome of one method, and what it returns, if anything."""

    NAME: ClassVar[str] = "action-response-normal"
    invoke: int
    result: ActionResult
    returned: EncodedData | DataAccessResult | None = None

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc7\x01%c%b" % (self.invoke, _encode_outcome((self.result, self.returned)))


@frozen
class ActionResponseWithPblock:
    """One block of return parameters too long for one APDU."""

    NAME: ClassVar[str] = "action-response-with-pblock"
    invoke: int
    last_block: bool
    block_number: int
    raw_data: bytes

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc7\x02%c%b" % (
            self.invoke,
            encode_block(last_block=self.last_block, block_number=self.block_number, raw_data=self.raw_data),
        )


@frozen
class ActionResponseWithList:
    """One outcome and what is returned for each method of an ActionRequestWithList, in its order."""

    NAME: ClassVar[str] = "action-response-with-list"
    invoke: int
    results: tuple[tuple[ActionResult, EncodedData | DataAccessResult | None], ...]

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc7\x03%c%b%b" % (
            self.invoke,
            axdr.encode_length(len(self.results)),
            b"".join(map(_encode_outcome, self.results)),
        )


@frozen
class ActionResponseNextPblock:
    """A block of parameters, not the last, has arrived; the next one may come."""

    NAME: ClassVar[str] = "action-response-next-pblock"
    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\xc7\x04%c%b" % (self.invoke, self.block_number.to_bytes(4, "big"))


ActionRequest = (
    ActionRequestNormal
    | ActionRequestNextPblock
    | ActionRequestWithList
    | ActionRequestWithFirstPblock
    | ActionRequestWithListAndFirstPblock
    | ActionRequestWithPblock
)
ActionResponse = ActionResponseNormal | ActionResponseWithPblock | ActionResponseWithList | ActionResponseNextPblock
_Outcome = tuple[ActionResult, EncodedData | DataAccessResult | None]


def decode_action_request(octets: bytes) -> ActionRequest:
    """A whole ACTION request; DecodeError when it is none."""
    read = Cursor(octets, 1)
    choice = read.octet("choice of the ACTION request")
    invoke = read.octet("invoke-id")
    apdu: ActionRequest
    match choice:
        case 1:
            method = read.method()
            apdu = ActionRequestNormal(invoke, method, read.data() if read.presence("parameters") else None)
        case 2:
            apdu = ActionRequestNextPblock(invoke, read.unsigned(4, "block number"))
        case 3:
            apdu = ActionRequestWithList(invoke, read.methods(), read.data_list())
        case 4:
            apdu = ActionRequestWithFirstPblock(invoke, read.method(), *decode_block(read))
        case 5:
            apdu = ActionRequestWithListAndFirstPblock(invoke, read.methods(), *decode_block(read))
        case 6:
            apdu = ActionRequestWithPblock(invoke, *decode_block(read))
        case _:
            raise DecodeError(f"ACTION request {choice} doesn't exist", 1)
    read.end()
    return apdu


def decode_action_response(octets: bytes, *, strict: bool) -> ActionResponse:
    """A whole ACTION response; DecodeError when it is none.

    Not strict: an error may come without the flag of its return parameters, as some meters send it.
    """
    read = Cursor(octets, 1)
    choice = read.octet("choice of the ACTION response")
    invoke = read.octet("invoke-id")
    apdu: ActionResponse
    match choice:
        case 1:
            apdu = ActionResponseNormal(invoke, *_decode_outcome(read, strict=strict))
        case 2:
            apdu = ActionResponseWithPblock(invoke, *decode_block(read))
        case 3:
            count = read.count("results", least=2)
            apdu = ActionResponseWithList(invoke, tuple(_decode_outcome(read, strict=True) for _ in range(count)))
        case 4:
            apdu = ActionResponseNextPblock(invoke, read.unsigned(4, "block number"))
        case _:
            raise DecodeError(f"ACTION response {choice} doesn't exist", 1)
    read.end()
    return apdu


def _encode_outcome(outcome: _Outcome) -> bytes:
    result, returned = outcome
    return b"%c\x00" % result if returned is None else b"%c\x01%b" % (result, encode_get_result(returned))


def _decode_outcome(read: Cursor, *, strict: bool) -> _Outcome:
    result = ActionResult(read.octet("action result"))
    if not strict and result and not read.left:
        return result, None
    return result, decode_get_result(read) if read.presence("return parameters") else None
