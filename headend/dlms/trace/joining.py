"""Values that came in blocks of GET, SET and ACTION, joined over the APDUs of a trace."""

from collections import OrderedDict
from typing import Final

from attrs import define, field

from headend.dlms.apdu import (
    ActionRequestWithFirstPblock,
    ActionRequestWithListAndFirstPblock,
    ActionRequestWithPblock,
    ActionResponseWithPblock,
    Apdu,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseWithDatablock,
    SetRequestWithDatablock,
    SetRequestWithFirstDatablock,
    SetRequestWithListAndFirstDatablock,
    decode,
)
from headend.dlms.blocks import Reassembly
from headend.dlms.blocks.services import FirstBlock, join_action, join_get, join_get_list, join_request
from headend.dlms.errors import DecodeError, RemoteError
from headend.dlms.trace.services import describe
from headend.dlms.trace.values import Fields

#: Octets that blocks may join to, as in an association.
_LARGEST: Final = 1 << 20
#: Values under way at once that a trace keeps: one for each meter of a busy gateway; the oldest goes first.
_MOST: Final = 64
_INVOKE_ID: Final = 0x0F

_FIRST: Final = (
    SetRequestWithFirstDatablock,
    SetRequestWithListAndFirstDatablock,
    ActionRequestWithFirstPblock,
    ActionRequestWithListAndFirstPblock,
)
_LATER: Final = (SetRequestWithDatablock, ActionRequestWithPblock, ActionResponseWithPblock)
_Key = tuple[object, str, int]


@define
class _Series:
    """Blocks that came so far; `first` is the request they belong to, where they are a request's."""

    parts: Reassembly
    first: FirstBlock | None = None


@define
class Joiner:
    """Takes APDU after APDU; `conversation` says between whom, where several are in one recording."""

    conversation: object = None
    _series: "OrderedDict[_Key, _Series]" = field(factory=OrderedDict)
    #: Whether the GET under this invoke-id asked for a list.
    _lists: "OrderedDict[_Key, bool]" = field(factory=OrderedDict)

    def take(self, apdu: Apdu) -> Fields:
        """`joined`: what the blocks that end with `apdu` come to, or why they come to nothing; else no field."""
        if isinstance(apdu, (GetRequestNormal, GetRequestWithList)):
            _remember(self._lists, self._key("get", apdu.invoke), isinstance(apdu, GetRequestWithList))
            return {}
        try:
            joined = self._take(apdu)
            return {} if joined is None else {"joined": {"apdu": joined.NAME} | describe(joined)}
        except RemoteError as error:
            return {"joined": {"fault": {"reason": str(error), "offset": None}}}

    def _take(self, apdu: Apdu) -> Apdu | None:
        match apdu:
            case GetResponseWithDatablock(result=bytes() as raw):
                key = self._key("get", apdu.invoke)
                octets = self._add(key, apdu.block_number, raw, last=apdu.last_block)
                return None if octets is None else self._get(key, apdu.invoke, octets)
            case ActionResponseWithPblock():
                key = self._key("action", apdu.invoke)
                octets = self._add(key, apdu.block_number, apdu.raw_data, last=apdu.last_block)
                return None if octets is None else join_action(apdu.invoke, octets)
            case SetRequestWithDatablock() | ActionRequestWithPblock():
                return self._request(apdu, None)
            case _ if isinstance(apdu, _FIRST):
                return self._request(apdu, apdu)
        return None

    def _get(self, key: _Key, invoke: int, octets: bytes) -> Apdu:
        """One value or a list, as was asked; where the request is not in the recording, what the octets are."""
        asked = self._lists.get(key)
        if asked is None:
            try:
                return decode(b"\xc4\x01%c\x00%b" % (invoke, octets))
            except DecodeError:
                return join_get_list(invoke, octets)
        return join_get_list(invoke, octets) if asked else join_get(invoke, octets)

    def _request(
        self, block: FirstBlock | SetRequestWithDatablock | ActionRequestWithPblock, first: FirstBlock | None
    ) -> Apdu | None:
        key = self._key("request", block.invoke)
        if first is None:
            series = self._series.get(key)
            first = None if series is None else series.first
        octets = self._add(key, block.block_number, block.raw_data, last=block.last_block, first=first)
        return None if octets is None or first is None else join_request(first, octets)

    def _add(
        self, key: _Key, number: int, octets: bytes, *, last: bool, first: FirstBlock | None = None
    ) -> bytes | None:
        """All octets once the last block is there; blocks whose beginning was not seen are left as they are."""
        series = self._series.get(key)
        if number == 1:
            series = _Series(Reassembly(_LARGEST), first)
            _remember(self._series, key, series)
        if series is None or number == series.parts.number:  # the same once more: its confirmation was lost
            return None
        try:
            series.parts.add(number, octets, last=last)
        except RemoteError:
            del self._series[key]
            raise
        if not last:
            return None
        del self._series[key]
        return series.parts.join()

    def _key(self, what: str, invoke: int) -> _Key:
        return self.conversation, what, invoke & _INVOKE_ID


def _remember(known: OrderedDict, key: _Key, value: object) -> None:  # type: ignore[type-arg]
    known[key] = value
    known.move_to_end(key)
    if len(known) > _MOST:
        known.popitem(last=False)
