"""What a meter has: the object list of an association (Blue Book 4.4.4), and the values that tell what each is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from attrs import frozen

from headend.dlms.axdr import Data, Tag
from headend.dlms.cosem import CosemAttribute, Obis, reading
from headend.dlms.cosem.association import AccessRights
from headend.dlms.enumerations import DataAccessResult
from headend.dlms.errors import DecodeError
from headend.session.errors import AccessDenied, BadValue, ServiceRefused
from headend.session.services import LIST_SIZE, Services

#: The association that is asked, whatever its client (Blue Book 6.2.28).
CURRENT_ASSOCIATION: Final = Obis("0.0.40.0.0.255")
ASSOCIATION: Final = 15
_OBJECT_LIST: Final = 2
#: From this version of the association on, an access mode is bits (Blue Book 4.4.4.2.2).
_BITS_FROM: Final = 3
_READS: Final = frozenset((1, 3, 4, 6))

Values = Mapping[CosemAttribute, Data]


@frozen
class Found:
    """One object of the list; `readable` None where the rights can't be read and everything is worth a try."""

    class_id: int
    version: int
    obis: Obis
    readable: frozenset[int] | None

    def may_read(self, attribute: int) -> bool:
        """Whether this association may read an attribute, by what the list says."""
        return self.readable is None or attribute in self.readable

    def attribute(self, number: int) -> CosemAttribute:
        """One attribute of the object."""
        return CosemAttribute(self.class_id, self.obis, number)


async def read_object_list(services: Services, association: Obis) -> tuple[Found, ...]:
    """Every object that this association sees, each once, in the meter's order.

    Asked of the current association, else of `association`, the role's own. AccessDenied, BadValue.
    """
    try:
        data = await services.get(CosemAttribute(ASSOCIATION, CURRENT_ASSOCIATION, _OBJECT_LIST))
    except (AccessDenied, ServiceRefused):
        data = await services.get(CosemAttribute(ASSOCIATION, association, _OBJECT_LIST))
    if data.tag is not Tag.ARRAY:
        raise BadValue(f"meter {services.serial}: its object list is {data.tag.label}, not an array")
    version = _association_version(data.value)
    found = [_found(item, version) for item in data.value]
    unique = {(each.class_id, each.obis): each for each in found if each is not None}
    if not unique:
        raise BadValue(f"meter {services.serial}: its object list names no object")
    return tuple(unique.values())


async def read_each(services: Services, attributes: Sequence[CosemAttribute]) -> Values:
    """The values of those attributes that the meter gives; what it refuses or garbles is left out."""
    values: dict[CosemAttribute, Data] = {}
    for start in range(0, len(attributes), LIST_SIZE):
        part = attributes[start : start + LIST_SIZE]
        try:
            results: Iterable[Data | DataAccessResult] = await services.get_many(part)
        except (ServiceRefused, BadValue):
            results = [await _one(services, attribute) for attribute in part]
        values |= {
            attribute: result for attribute, result in zip(part, results, strict=True) if isinstance(result, Data)
        }
    return values


async def _one(services: Services, attribute: CosemAttribute) -> Data | DataAccessResult:
    try:
        return await services.get(attribute)
    except AccessDenied as denied:
        return denied.result
    except (ServiceRefused, BadValue):
        return DataAccessResult.OTHER_REASON


def _association_version(items: Sequence[Data]) -> int:
    """The version of the association, which decides what its access modes mean."""
    heads = [head for head in map(_head, items) if head is not None]
    return next((version for class_id, version, _ in heads if class_id == ASSOCIATION), 0)


def _found(item: Data, association_version: int) -> Found | None:
    head = _head(item)
    if head is None:
        return None
    try:
        rights = AccessRights.from_data(item.value[3])
    except (DecodeError, IndexError):
        return Found(*head, None)
    readable = (entry.attribute for entry in rights.attributes if _reads(entry.mode, association_version))
    return Found(*head, frozenset(readable))


def _head(item: Data) -> tuple[int, int, Obis] | None:
    """Class, version and name of an entry; None for one that is nothing of the kind."""
    try:
        class_id, version, name = item.value[:3] if isinstance(item.value, tuple) else ()
        return (
            reading.number(class_id, "class_id"),
            reading.number(version, "version"),
            Obis(reading.octets(name, "logical_name")),
        )
    except (DecodeError, ValueError):
        return None


def _reads(mode: int, version: int) -> bool:
    return bool(mode & 1) if version >= _BITS_FROM else mode in _READS
