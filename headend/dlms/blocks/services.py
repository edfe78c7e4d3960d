"""Block transfer of GET, SET and ACTION themselves: how requests and answers are cut, and what blocks join to."""

from typing import Final

from headend.dlms import axdr, writing
from headend.dlms.apdu import (
    ActionRequestNormal,
    ActionRequestWithFirstPblock,
    ActionRequestWithList,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    SetRequestNormal,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithList,
    SetRequestWithListAndFirstDatablock,
    decode,
)
from headend.dlms.axdr import EncodedData
from headend.dlms.blocks.reassembly import Division
from headend.dlms.cursor import MAX_ELEMENTS, Cursor
from headend.dlms.enumerations import ActionResult
from headend.dlms.errors import DecodeError, LocalError

#: Tag, choice, invoke-id, last-block, block number and the length of the raw data, the choice of a result included.
BLOCK_OVERHEAD: Final = 12

LongRequestApdu = SetRequestNormal | SetRequestWithList | ActionRequestNormal | ActionRequestWithList
FirstBlock = (
    SetRequestWithFirstDatablock
    | SetRequestWithListAndFirstDatablock
    | ActionRequestWithFirstPblock
    | ActionRequestWithListAndFirstPblock
)
LongResponseApdu = GetResponseNormal | GetResponseWithList | ActionResponseNormal | ActionResponseWithList

#: A length of up to 65535 octets in front of the raw data takes two octets more than that of none.
_LENGTH_GROWTH: Final = 2


class LongRequest:
    """A SET or ACTION that is sent in blocks of at most `room` octets each, headers included."""

    __slots__ = ("_division", "_request", "_room")

    def __init__(self, request: LongRequestApdu, room: int) -> None:
        if room <= BLOCK_OVERHEAD:
            raise LocalError(f"no block fits into {room} octets")
        self._request = request
        self._room = room
        self._division = Division(_payload(request), room - BLOCK_OVERHEAD)

    @property
    def number(self) -> int:
        """The number of the last block taken."""
        return self._division.number

    @property
    def done(self) -> bool:
        """Whether the last block was taken."""
        return self._division.done

    def take(self) -> bytes:
        """The APDU with the next block."""
        if not self._division.number:
            return self._take_first()
        last, number, octets = self._division.take()
        later = (
            SetRequestWithDatablock
            if isinstance(self._request, (SetRequestNormal, SetRequestWithList))
            else ActionRequestWithPblock
        )
        return later(self._request.invoke, last, number, octets).encode()

    def _take_first(self) -> bytes:
        room = self._room - len(_first_block(self._request, False, 1, b"").encode()) - _LENGTH_GROWTH  # noqa: FBT003
        if room < 1:
            raise LocalError(f"the descriptors do not fit into a block of {self._room} octets")
        return _first_block(self._request, *self._division.take(room)).encode()


def _payload(request: LongRequestApdu) -> bytes:
    match request:
        case SetRequestNormal(data=data):
            return data.octets
        case SetRequestWithList(data=items) | ActionRequestWithList(parameters=items):
            return writing.data_list(items)
        case ActionRequestNormal(parameters=parameters):
            if parameters is None:
                raise LocalError("a method without parameters has nothing to cut into blocks")
            return parameters.octets


def _first_block(request: LongRequestApdu, last: bool, number: int, octets: bytes) -> FirstBlock:  # noqa: FBT001
    match request:
        case SetRequestNormal(invoke=invoke, attribute=attribute, access=access):
            return SetRequestWithFirstDatablock(invoke, attribute, access, last, number, octets)
        case SetRequestWithList(invoke=invoke, attributes=attributes):
            return SetRequestWithListAndFirstDatablock(invoke, attributes, last, number, octets)
        case ActionRequestNormal(invoke=invoke, method=method):
            return ActionRequestWithFirstPblock(invoke, method, last, number, octets)
        case ActionRequestWithList(invoke=invoke, methods=methods):
            return ActionRequestWithListAndFirstPblock(invoke, methods, last, number, octets)


def join_request(first: FirstBlock, raw: bytes) -> LongRequestApdu:
    """The request that `first` announced and whose blocks joined to `raw`; `DecodeError` if they are none."""
    match first:
        case SetRequestWithFirstDatablock(invoke=invoke, attribute=attribute, access=access):
            return SetRequestNormal(invoke, attribute, access, _one(raw))
        case SetRequestWithListAndFirstDatablock(invoke=invoke, attributes=attributes):
            return SetRequestWithList(invoke, attributes, _several(raw, len(attributes)))
        case ActionRequestWithFirstPblock(invoke=invoke, method=method):
            return ActionRequestNormal(invoke, method, _one(raw))
        case ActionRequestWithListAndFirstPblock(invoke=invoke, methods=methods):
            return ActionRequestWithList(invoke, methods, _several(raw, len(methods)))


def _one(raw: bytes) -> EncodedData:
    end = axdr.skip(raw, 0, [MAX_ELEMENTS])
    if end != len(raw):
        raise DecodeError(f"{len(raw) - end} octets follow the data of the blocks", end)
    return EncodedData(raw)


def _several(raw: bytes, count: int) -> tuple[EncodedData, ...]:
    read = Cursor(raw)
    items = read.data_list()
    read.end()
    if len(items) != count:
        raise DecodeError(f"{len(items)} values for {count} descriptors")
    return items


class LongResponse:
    """A GET or ACTION answer that is sent in blocks of at most `room` octets each, headers included."""

    __slots__ = ("_division", "_response")

    def __init__(self, response: LongResponseApdu, room: int) -> None:
        if room <= BLOCK_OVERHEAD:
            raise LocalError(f"no block fits into {room} octets")
        self._response = response
        self._division = Division(_answer(response), room - BLOCK_OVERHEAD)

    @property
    def number(self) -> int:
        """The number of the last block taken."""
        return self._division.number

    @property
    def done(self) -> bool:
        """Whether the last block was taken."""
        return self._division.done

    @property
    def invoke(self) -> int:
        """The invoke-id-and-priority of the request it answers."""
        return self._response.invoke

    @property
    def is_get(self) -> bool:
        """Whether it answers a GET."""
        return isinstance(self._response, (GetResponseNormal, GetResponseWithList))

    def take(self) -> bytes:
        """The APDU with the next block."""
        last, number, octets = self._division.take()
        block = GetResponseWithDatablock if self.is_get else ActionResponseWithPblock
        return block(self._response.invoke, last, number, octets).encode()


def _answer(response: LongResponseApdu) -> bytes:
    if isinstance(response, GetResponseNormal):
        if not isinstance(response.result, EncodedData):
            raise LocalError("an error is never long")
        return response.result.octets
    # A list of results, and an ACTION's outcome with what it returns, are cut as they stand after the invoke-id.
    return response.encode()[3:]


def join_get(invoke: int, raw: bytes) -> GetResponseNormal:
    """The answer to one attribute; its Data is checked when it is decoded, like any that ends an APDU."""
    return GetResponseNormal(invoke, EncodedData(raw))


def join_get_list(invoke: int, raw: bytes) -> GetResponseWithList:
    """The answers to a list of attributes; `DecodeError` if they are none."""
    response = decode(b"\xc4\x03%c%b" % (invoke, raw))
    assert isinstance(response, GetResponseWithList)
    return response


def join_action(invoke: int, raw: bytes) -> ActionResponseNormal:
    """The outcome of one method; `DecodeError` if it is none.

    Some meters put the returned Data alone into the blocks, without the outcome before it: that it came says success.
    """
    try:
        response = decode(b"\xc7\x01%c%b" % (invoke, raw))
    except DecodeError:
        return ActionResponseNormal(invoke, ActionResult.SUCCESS, _one(raw))
    assert isinstance(response, ActionResponseNormal)
    return response


def join_action_list(invoke: int, raw: bytes) -> ActionResponseWithList:
    """The outcomes of a list of methods; `DecodeError` if they are none."""
    response = decode(b"\xc7\x03%c%b" % (invoke, raw))
    assert isinstance(response, ActionResponseWithList)
    return response
