"""GET, SET and ACTION over an open association."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from headend.dlms import axdr
from headend.dlms.apdu import (
    ActionRequestNormal,
    ActionResponseNormal,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithList,
    SetRequestNormal,
    SetResponseNormal,
)
from headend.dlms.axdr import Data, EncodedData
from headend.dlms.connection import PreparedRequest, prepare
from headend.dlms.cosem import CosemAttribute, CosemMethod, SelectiveAccess
from headend.dlms.enumerations import ActionResult, Conformance, DataAccessResult
from headend.dlms.errors import RemoteError
from headend.dlms.rows import decode_rows, iter_rows
from headend.session.errors import AccessDenied, BadValue, ServiceRefused
from headend.session.link import Link

#: Invoke-id 1, confirmed, high priority: one request at a time needs no other.
INVOKE: Final = 0xC1
#: Attributes in one GET-WITH-LIST: its request stays below 256 octets, which every meter takes.
LIST_SIZE: Final = 16
#: What a request of one list costs: header and envelope, and each attribute.
_LIST_OVERHEAD: Final = 40
_LIST_ITEM: Final = 11

#: Octets of a buffer whose rows are read at once, the fastest way: a day of a wide profile. A longer one is read row
#: by row, as only that way it may take more memory than one APDU's values may.
_AT_ONCE: Final = 16_384
_UNDEFINED: Final = DataAccessResult.OBJECT_UNDEFINED

Result = Data | DataAccessResult


class Batch:
    """Attributes that are read together, with their requests encoded once for any number of meters."""

    __slots__ = ("_lists", "_single", "attributes")

    def __init__(self, attributes: Sequence[CosemAttribute]) -> None:
        self.attributes = tuple(attributes)
        self._single: tuple[PreparedRequest, ...] | None = None
        self._lists: dict[int, tuple[PreparedRequest, ...]] = {}

    def one_by_one(self) -> tuple[PreparedRequest, ...]:
        """A request for each attribute."""
        if self._single is None:
            self._single = tuple(prepare(GetRequestNormal(INVOKE, attribute)) for attribute in self.attributes)
        return self._single

    def lists(self, size: int) -> tuple[PreparedRequest, ...]:
        """Requests for up to `size` attributes each."""
        if size not in self._lists:
            parts = [self.attributes[at : at + size] for at in range(0, len(self.attributes), size)]
            self._lists[size] = tuple(
                prepare(GetRequestWithList(INVOKE, tuple((attribute, None) for attribute in part))) for part in parts
            )
        return self._lists[size]


class Services:
    """The services of one association.

    Raises SessionError: AccessDenied, ServiceRefused, NotOffered, or what ended the link.
    """

    __slots__ = ("_link", "_takes_lists", "serial")

    def __init__(self, serial: str, link: Link) -> None:
        self.serial = serial
        self._link = link
        self._takes_lists = bool(link.connection.conformance & Conformance.MULTIPLE_REFERENCES)

    @property
    def link(self) -> Link:
        """The connection below."""
        return self._link

    async def get(self, attribute: CosemAttribute, access: SelectiveAccess | None = None) -> Data:
        """The value of one attribute, or of the part of it that `access` selects; AccessDenied."""
        return self._decoded(await self.get_encoded(attribute, access))

    async def get_encoded(self, attribute: CosemAttribute, access: SelectiveAccess | None = None) -> EncodedData:
        """As `get`, the octets as they came."""
        answer: GetResponseNormal = await self._link.ask(GetRequestNormal(INVOKE, attribute, access))
        if isinstance(answer.result, DataAccessResult):
            raise AccessDenied(self.serial, attribute, answer.result)
        return answer.result

    async def get_rows(self, attribute: CosemAttribute, access: SelectiveAccess | None = None) -> list[tuple[Any, ...]]:
        """The rows of a profile's buffer as plain values; AccessDenied."""
        encoded = await self.get_encoded(attribute, access)
        try:
            octets = encoded.octets
            return decode_rows(octets) if len(octets) <= _AT_ONCE else list(iter_rows(octets))
        except RemoteError as error:
            raise BadValue(f"meter {self.serial}: {error}") from error

    async def get_many(self, attributes: Batch | Sequence[CosemAttribute]) -> list[Result]:
        """The values of several attributes, or each one's error, in their order.

        In lists where the meter agreed to them, else one by one; a meter that refuses a list is asked one by one from
        then on.
        """
        batch = attributes if isinstance(attributes, Batch) else Batch(attributes)
        return await self._link.run(self._get_many(batch))

    async def set(self, attribute: CosemAttribute, value: Data) -> None:
        """Write one attribute; AccessDenied."""
        request = SetRequestNormal(INVOKE, attribute, None, EncodedData(axdr.encode(value)))
        answer: SetResponseNormal = await self._link.ask(request)
        if answer.result is not DataAccessResult.SUCCESS:
            raise AccessDenied(self.serial, attribute, answer.result)

    async def action(
        self, method: CosemMethod, parameters: Data | None = None, sent: Callable[[], None] | None = None
    ) -> ActionResult:
        """Invoke one method once and give its result; `sent` is called when the request is on its way."""
        encoded = None if parameters is None else EncodedData(axdr.encode(parameters))
        answer: ActionResponseNormal = await self._link.ask(ActionRequestNormal(INVOKE, method, encoded), sent)
        return answer.result

    async def _get_many(self, batch: Batch) -> list[Result]:
        if not self._takes_lists or len(batch.attributes) < 2:
            return await self._get_singly(batch)
        try:
            results = await self._get_lists(batch)
        except ServiceRefused:
            self._takes_lists = False
            return await self._get_singly(batch)
        if _refuses_lists(results):
            results = await self._get_singly(batch)
            self._takes_lists = all(isinstance(result, DataAccessResult) for result in results)
        return results

    async def _get_singly(self, batch: Batch) -> list[Result]:
        return [self._result((await self._link.ask(request)).result) for request in batch.one_by_one()]

    async def _get_lists(self, batch: Batch) -> list[Result]:
        room = (self._link.connection.max_pdu_size - _LIST_OVERHEAD) // _LIST_ITEM
        results: list[Result] = []
        for request in batch.lists(max(1, min(LIST_SIZE, room))):
            answer: GetResponseWithList = await self._link.ask(request)
            results.extend(map(self._result, answer.results))
        return results

    def _result(self, result: EncodedData | DataAccessResult) -> Result:
        return result if isinstance(result, DataAccessResult) else self._decoded(result)

    def _decoded(self, encoded: EncodedData) -> Data:
        try:
            return encoded.decode()
        except RemoteError as error:
            raise BadValue(f"meter {self.serial}: {error}") from error


def _refuses_lists(results: Sequence[Result]) -> bool:
    """Whether one error stands for the whole list, as some meters answer that negotiated lists and can't do them."""
    return all(isinstance(result, DataAccessResult) and result is not _UNDEFINED for result in results)


def pairs(attributes: Sequence[CosemAttribute], results: Sequence[Result]) -> Iterator[tuple[CosemAttribute, Data]]:
    """The attributes that have a value, with it."""
    for attribute, result in zip(attributes, results, strict=True):
        if not isinstance(result, DataAccessResult):
            yield attribute, result
