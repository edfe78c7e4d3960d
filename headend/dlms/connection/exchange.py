"""One confirmed request of a client, from its first octet to its complete answer, however many blocks either takes."""

from collections.abc import Callable
from typing import Any, ClassVar, Final

from headend.dlms.apdu import (
    AccessRequest,
    AccessResponse,
    ActionRequestNextPblock,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    ActionResponseWithPblock,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    SetRequestNormal,
    SetRequestWithList,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
    SetResponseNormal,
    SetResponseWithList,
    decode,
)
from headend.dlms.axdr import EncodedData, decode_length
from headend.dlms.blocks import Reassembly
from headend.dlms.blocks.services import LongRequest, join_action, join_action_list, join_get, join_get_list
from headend.dlms.connection.services import INVOKE_ID, LONG_INVOKE_ID, PreparedRequest
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.errors import DecodeError, RemoteError

# Skips the constructor that NamedTuple generates, which only counts its arguments.
_new = tuple.__new__
#: Tag, choice, invoke-id, last-block, block number, choice of the result.
_BLOCK_HEAD: Final = 9
#: A GET-request-next up to its block number, by invoke-id-and-priority.
_NEXT_BLOCK: Final = tuple(bytes((0xC0, 0x02, invoke)) for invoke in range(256))

Answer = (
    GetResponseNormal
    | GetResponseWithList
    | SetResponseNormal
    | SetResponseWithList
    | ActionResponseNormal
    | ActionResponseWithList
    | AccessResponse
)


class Exchange:
    """Takes each answer APDU and gives the complete answer, or the octets of what must be sent to go on.

    `limit` is the most octets that blocks may join to; `long` the request's own blocks, where it is sent in some.
    Whatever does not answer this request raises `RemoteError`.
    """

    __slots__ = ("_limit", "_long", "_parts", "answer_tag", "request")

    def __init__(self, prepared: PreparedRequest, limit: int, long: LongRequest | None = None) -> None:
        self.request = prepared.request
        self.answer_tag = prepared.answer_tag
        self._limit = limit
        self._long = long
        self._parts: Reassembly | None = None

    def take_octets(self, octets: bytes) -> Answer | bytes:
        """As `take`, from the octets of the plain APDU.

        One value, and one block of one, are what a collection round consists of, so they are read here at once. A value
        that ends its APDU needs no check to find its end: it is checked when it is decoded.
        """
        request = self.request
        if type(request) is GetRequestNormal and len(octets) > 4 and not (octets[2] ^ request.invoke) & INVOKE_ID:
            if octets[1] == 1:
                if octets[3] == 0 and self._parts is None:
                    return GetResponseNormal(octets[2], _new(EncodedData, (octets[4:],)))
            elif octets[1] == 2 and len(octets) > _BLOCK_HEAD and octets[8] == 0:
                return self._take_raw_block(request.invoke, octets)
        return self.take(decode(octets))

    def _take_raw_block(self, invoke: int, octets: bytes) -> Answer | bytes:
        length, start = decode_length(octets, 9)
        if len(octets) - start != length:
            raise DecodeError(f"a block of {length} octets where {len(octets) - start} are there", start)
        parts = self._parts
        if parts is None:
            parts = self._parts = Reassembly(self._limit)
        number = octets[4:8]
        last = octets[3] != 0
        parts.add(int.from_bytes(number, "big"), octets[start:], last=last)
        if last:
            return GetResponseNormal(octets[2], _new(EncodedData, (parts.join(),)))
        return _NEXT_BLOCK[invoke & 0xFF] + number

    def take(self, apdu: object) -> Answer | bytes:
        """The complete answer, or the next APDU of this exchange as plain octets."""
        step = self._steps.get(type(apdu))
        if step is None:
            raise RemoteError(f"{type(apdu).__name__} answers nothing that was asked")
        return step(self, apdu)

    def _check_invoke(self, invoke: int) -> None:
        if (invoke ^ self.request.invoke) & INVOKE_ID:  # type: ignore[union-attr]
            raise RemoteError(f"answer to invoke-id {invoke & INVOKE_ID}, which was not asked")

    def _check(self, answer: Any, *requests: type) -> None:  # noqa: ANN401 - every answer has an invoke-id
        if not isinstance(self.request, requests):
            raise self._mismatch(answer)
        self._check_invoke(answer.invoke)

    def _mismatch(self, answer: object) -> RemoteError:
        return RemoteError(f"{type(answer).__name__} is no answer to {type(self.request).__name__}")

    def _check_count(self, count: int, expected: int) -> None:
        if count != expected:
            raise RemoteError(f"{count} results for {expected} items")

    def _check_sent(self, *, success: bool) -> None:
        """A success may come only once all blocks of the request are out."""
        if success and self._long is not None and not self._long.done:
            raise RemoteError("success before the request was sent to its end")

    # GET

    def _get_normal(self, answer: GetResponseNormal) -> Answer:
        self._check(answer, GetRequestNormal, GetRequestWithList)
        if isinstance(answer.result, DataAccessResult):
            return self._get_failed(answer.invoke, answer.result)
        if self._parts is not None or not isinstance(self.request, GetRequestNormal):
            raise self._mismatch(answer)
        return answer

    def _get_failed(self, invoke: int, result: DataAccessResult) -> Answer:
        if isinstance(self.request, GetRequestWithList):
            return GetResponseWithList(invoke, (result,) * len(self.request.attributes))
        return GetResponseNormal(invoke, result)

    def _get_list(self, answer: GetResponseWithList) -> Answer:
        self._check(answer, GetRequestWithList)
        assert isinstance(self.request, GetRequestWithList)
        self._check_count(len(answer.results), len(self.request.attributes))
        return answer

    def _get_block(self, answer: GetResponseWithDatablock) -> Answer | bytes:
        self._check(answer, GetRequestNormal, GetRequestWithList)
        if isinstance(answer.result, DataAccessResult):
            return self._get_failed(answer.invoke, answer.result)
        parts = self._add(answer.block_number, answer.result, last=answer.last_block)
        if not answer.last_block:
            return GetRequestNext(self.request.invoke, answer.block_number).encode()  # type: ignore[union-attr]
        if isinstance(self.request, GetRequestNormal):
            return join_get(answer.invoke, parts.join())
        return self._get_list(join_get_list(answer.invoke, parts.join()))

    def _add(self, number: int, octets: bytes, *, last: bool) -> Reassembly:
        parts = self._parts
        if parts is None:
            parts = self._parts = Reassembly(self._limit)
        parts.add(number, octets, last=last)
        return parts

    # SET

    def _set_normal(self, answer: SetResponseNormal) -> Answer:
        self._check(answer, SetRequestNormal, SetRequestWithList)
        success = answer.result == DataAccessResult.SUCCESS
        self._check_sent(success=success)
        if isinstance(self.request, SetRequestWithList):
            if success:
                raise self._mismatch(answer)
            return SetResponseWithList(answer.invoke, (answer.result,) * len(self.request.attributes))
        return answer

    def _set_list(self, answer: SetResponseWithList) -> Answer:
        self._check(answer, SetRequestWithList)
        assert isinstance(self.request, SetRequestWithList)
        self._check_sent(success=DataAccessResult.SUCCESS in answer.results)
        self._check_count(len(answer.results), len(self.request.attributes))
        return answer

    def _set_more(self, answer: SetResponseDatablock) -> bytes:
        self._check(answer, SetRequestNormal, SetRequestWithList)
        return self._next_block(answer.block_number)

    def _set_last(self, answer: SetResponseLastDatablock) -> Answer:
        self._check(answer, SetRequestNormal, SetRequestWithList)
        self._check_long(answer)
        return self._set_normal(SetResponseNormal(answer.invoke, answer.result))

    def _set_last_list(self, answer: SetResponseLastDatablockWithList) -> Answer:
        self._check(answer, SetRequestWithList)
        self._check_long(answer)
        return self._set_list(SetResponseWithList(answer.invoke, answer.results))

    def _check_long(self, answer: SetResponseLastDatablock | SetResponseLastDatablockWithList) -> None:
        if self._long is None:
            raise self._mismatch(answer)
        if answer.block_number != self._long.number:
            raise RemoteError(f"block {answer.block_number} confirmed, but {self._long.number} was sent")

    def _next_block(self, number: int) -> bytes:
        long = self._long
        if long is None or long.done:
            raise RemoteError("the next block is asked for, but there is none")
        if number != long.number:
            raise RemoteError(f"block {number} confirmed, but {long.number} was sent")
        return long.take()

    # ACTION

    def _action_normal(self, answer: ActionResponseNormal) -> Answer:
        self._check(answer, ActionRequestNormal, ActionRequestWithList)
        self._check_sent(success=not answer.result)
        if self._parts is not None and not answer.result:
            raise self._mismatch(answer)
        if isinstance(self.request, ActionRequestWithList):
            if not answer.result:
                raise self._mismatch(answer)
            return ActionResponseWithList(answer.invoke, ((answer.result, None),) * len(self.request.methods))
        return answer

    def _action_list(self, answer: ActionResponseWithList) -> Answer:
        self._check(answer, ActionRequestWithList)
        assert isinstance(self.request, ActionRequestWithList)
        self._check_sent(success=any(not result for result, _ in answer.results))
        self._check_count(len(answer.results), len(self.request.methods))
        return answer

    def _action_more(self, answer: ActionResponseNextPblock) -> bytes:
        self._check(answer, ActionRequestNormal, ActionRequestWithList)
        return self._next_block(answer.block_number)

    def _action_block(self, answer: ActionResponseWithPblock) -> Answer | bytes:
        self._check(answer, ActionRequestNormal, ActionRequestWithList)
        self._check_sent(success=True)
        parts = self._add(answer.block_number, answer.raw_data, last=answer.last_block)
        if not answer.last_block:
            return ActionRequestNextPblock(self.request.invoke, answer.block_number).encode()  # type: ignore[union-attr]
        if isinstance(self.request, ActionRequestNormal):
            return join_action(answer.invoke, parts.join())
        return self._action_list(join_action_list(answer.invoke, parts.join()))

    # ACCESS

    def _access(self, answer: AccessResponse) -> Answer:
        request = self.request
        if not isinstance(request, AccessRequest):
            raise self._mismatch(answer)
        if (answer.long_invoke ^ request.long_invoke) & LONG_INVOKE_ID:
            raise RemoteError(f"answer to invoke-id {answer.long_invoke & LONG_INVOKE_ID}, which was not asked")
        self._check_count(len(answer.results), len(request.specifications))
        self._check_count(len(answer.data), len(request.specifications))
        return answer

    _steps: ClassVar[dict[type, Callable[["Exchange", Any], Answer | bytes]]] = {
        GetResponseNormal: _get_normal,
        GetResponseWithList: _get_list,
        GetResponseWithDatablock: _get_block,
        SetResponseNormal: _set_normal,
        SetResponseWithList: _set_list,
        SetResponseDatablock: _set_more,
        SetResponseLastDatablock: _set_last,
        SetResponseLastDatablockWithList: _set_last_list,
        ActionResponseNormal: _action_normal,
        ActionResponseWithList: _action_list,
        ActionResponseNextPblock: _action_more,
        ActionResponseWithPblock: _action_block,
        AccessResponse: _access,
    }
