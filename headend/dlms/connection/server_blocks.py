"""Block transfer of GET, SET and ACTION on the server's side: long requests joined, long answers cut."""

from typing import Final

from headend.dlms.apdu import (
    ActionRequestNextPblock,
    ActionRequestWithFirstPblock,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseNextPblock,
    ActionResponseNormal,
    ActionResponseWithList,
    Apdu,
    GetRequestNext,
    GetResponseNormal,
    GetResponseWithDatablock,
    GetResponseWithList,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithListAndFirstDatablock,
    SetResponseDatablock,
    SetResponseLastDatablock,
    SetResponseLastDatablockWithList,
    SetResponseNormal,
    SetResponseWithList,
    encode,
)
from headend.dlms.blocks import Reassembly
from headend.dlms.blocks.services import BLOCK_OVERHEAD, FirstBlock, LongResponse, join_request
from headend.dlms.connection.services import INVOKE_ID
from headend.dlms.enumerations import ActionResult, Conformance, DataAccessResult
from headend.dlms.errors import RemoteError

_LONG_GET: Final = int(Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ)
_LONG_ACTION: Final = int(Conformance.BLOCK_TRANSFER_WITH_ACTION)


class ServerBlocks:
    """The transfers of one association; one runs at a time, and any other request ends it.

    `limit` is the most octets of a joined request.
    """

    __slots__ = ("_first", "_limit", "_number", "_parts", "_response")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._first: FirstBlock | None = None
        self._parts = Reassembly(limit)
        self._response: LongResponse | None = None
        self._number = 0  # of the last block of a request that came in blocks, until it is answered

    def forget(self) -> None:
        """End whatever runs."""
        self._first = None
        self._response = None
        self._number = 0

    def take(self, apdu: Apdu) -> Apdu | bytes | None:
        """A complete request, or the plain octets of the answer to a block."""
        match apdu:
            case GetRequestNext():
                return self._next_answer(apdu)
            case ActionRequestNextPblock():
                return self._next_answer(apdu)
            case (
                SetRequestWithFirstDatablock()
                | SetRequestWithListAndFirstDatablock()
                | ActionRequestWithFirstPblock()
                | ActionRequestWithListAndFirstPblock()
            ):
                self.forget()
                self._first = apdu
                self._parts = Reassembly(self._limit)
                return self._add(apdu)
            case SetRequestWithDatablock() | ActionRequestWithPblock():
                return self._add(apdu)
        self.forget()
        return apdu

    def _add(self, apdu: FirstBlock | SetRequestWithDatablock | ActionRequestWithPblock) -> Apdu | bytes:
        first = self._first
        setting = isinstance(
            apdu, (SetRequestWithFirstDatablock, SetRequestWithListAndFirstDatablock, SetRequestWithDatablock)
        )
        if first is None or (first.invoke ^ apdu.invoke) & INVOKE_ID or setting != _is_set(first):
            return self._abort(apdu.invoke, apdu.block_number, setting=setting)
        try:
            self._parts.add(apdu.block_number, apdu.raw_data, last=apdu.last_block)
        except RemoteError:
            return self._abort(apdu.invoke, apdu.block_number, setting=setting, running=True)
        if not apdu.last_block:
            confirm = SetResponseDatablock if setting else ActionResponseNextPblock
            return encode(confirm(apdu.invoke, apdu.block_number))
        self._first = None
        self._number = apdu.block_number
        return join_request(first, self._parts.join())

    def _abort(self, invoke: int, number: int, *, setting: bool, running: bool = False) -> bytes:
        self.forget()
        if setting:
            result = DataAccessResult.LONG_SET_ABORTED if running else DataAccessResult.NO_LONG_SET_IN_PROGRESS
            return encode(SetResponseLastDatablock(invoke, result, number))
        outcome = ActionResult.LONG_ACTION_ABORTED if running else ActionResult.NO_LONG_ACTION_IN_PROGRESS
        return encode(ActionResponseNormal(invoke, outcome))

    def _next_answer(self, apdu: GetRequestNext | ActionRequestNextPblock) -> bytes:
        response = self._response
        getting = isinstance(apdu, GetRequestNext)
        if response is None or (response.invoke ^ apdu.invoke) & INVOKE_ID or response.is_get != getting:
            return self._no_answer(apdu, DataAccessResult.NO_LONG_GET_IN_PROGRESS)
        if apdu.block_number != response.number:
            return self._no_answer(apdu, DataAccessResult.DATA_BLOCK_NUMBER_INVALID)
        octets = response.take()
        if response.done:
            self._response = None
        return octets

    def _no_answer(self, apdu: GetRequestNext | ActionRequestNextPblock, result: DataAccessResult) -> bytes:
        self.forget()
        if isinstance(apdu, GetRequestNext):
            return encode(GetResponseWithDatablock(apdu.invoke, True, apdu.block_number, result))  # noqa: FBT003
        return encode(ActionResponseNormal(apdu.invoke, ActionResult.NO_LONG_ACTION_IN_PROGRESS))

    def answer(self, apdu: Apdu, octets: bytes, room: int, conformance: int) -> bytes | None:
        """What to send as the answer `apdu`, encoded as `octets`, or as its first block; None if it can't be cut.

        `room` is the most octets of a plain APDU.
        """
        number, self._number = self._number, 0
        if number:
            match apdu:
                case SetResponseNormal(invoke=invoke, result=result):
                    return encode(SetResponseLastDatablock(invoke, result, number))
                case SetResponseWithList(invoke=invoke, results=results):
                    return encode(SetResponseLastDatablockWithList(invoke, results, number))
        if len(octets) <= room:
            return octets
        match apdu:
            case _ if room <= BLOCK_OVERHEAD:
                return None
            case GetResponseNormal() | GetResponseWithList() if conformance & _LONG_GET:
                pass
            case ActionResponseNormal() | ActionResponseWithList() if conformance & _LONG_ACTION:
                pass
            case _:
                return None
        self._response = LongResponse(apdu, room)
        first = self._response.take()
        if self._response.done:
            self._response = None
        return first


def _is_set(first: FirstBlock) -> bool:
    return isinstance(first, (SetRequestWithFirstDatablock, SetRequestWithListAndFirstDatablock))
