"""The object tree of a meter as a table that all meters share: what is there, who may do what with it, and how.

A meter holds values only. Reading an attribute is a function from the meter to A-XDR octets; writing one takes Data
and raises `WrongType` or ValueError; a method takes Data or nothing and gives an `ActionResult`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from attrs import frozen

from headend.dlms.axdr.values import Data
from headend.dlms.enumerations import ActionResult, DataAccessResult
from simulator import octets
from simulator.associations import NOBODY, Role

if TYPE_CHECKING:
    from simulator.meter import Meter

Read = Callable[["Meter"], bytes]
Select = Callable[["Meter", int, Data], bytes]
Write = Callable[["Meter", Data], None]
Perform = Callable[["Meter", Data | None], ActionResult]


class WrongTypeError(ValueError):
    """The value has a tag or shape that this attribute or method does not take."""


class Attribute(NamedTuple):
    """One attribute; `select` serves selective access where there is any, `selectors` names the ones it knows."""

    read: Read
    readers: frozenset[Role]
    write: Write | None = None
    writers: frozenset[Role] = NOBODY
    select: Select | None = None
    selectors: tuple[int, ...] = ()


class Method(NamedTuple):
    """One method."""

    perform: Perform
    callers: frozenset[Role]


@frozen
class CosemObject:
    """One object; attribute 1, the logical name, comes by itself and is for whoever sees the object."""

    class_id: int
    version: int
    logical_name: bytes
    attributes: dict[int, Attribute]
    methods: dict[int, Method]

    def seen_by(self, role: Role) -> bool:
        """Whether `role` has any right here."""
        attributes = any(role in attribute.readers for attribute in self.attributes.values())
        return attributes or any(role in method.callers for method in self.methods.values())


def cosem_object(
    class_id: int,
    logical_name: bytes,
    attributes: dict[int, Attribute],
    methods: dict[int, Method] | None = None,
    *,
    version: int = 0,
) -> CosemObject:
    """An object with its logical name as attribute 1."""
    readers = frozenset[Role]().union(*(attribute.readers for attribute in attributes.values()))
    name = octets.octet_string(logical_name)
    return CosemObject(
        class_id, version, logical_name, {1: Attribute(lambda _: name, readers), **attributes}, methods or {}
    )


def constant(value: bytes, readers: frozenset[Role]) -> Attribute:
    """An attribute that is the same for all meters at all times."""
    return Attribute(lambda _: value, readers)


class ObjectTree:
    """All objects of a meter type; finds one in one look-up and refuses as a meter does."""

    __slots__ = ("_by_name", "_objects")

    def __init__(self, objects: list[CosemObject]) -> None:
        self._objects = {(item.class_id, item.logical_name): item for item in objects}
        self._by_name = frozenset(item.logical_name for item in objects)

    @property
    def objects(self) -> list[CosemObject]:
        """Every object, in the order of the table."""
        return list(self._objects.values())

    def read(
        self, meter: "Meter", role: Role, address: tuple[int, bytes, int], selection: tuple[int, Data] | None
    ) -> bytes | DataAccessResult:
        """The octets of attribute `address` (class, logical name, attribute) as `role` sees them, or why not."""
        found = self._attribute(address)
        if isinstance(found, DataAccessResult):
            return found
        if role not in found.readers:
            return DataAccessResult.READ_WRITE_DENIED
        if selection is None:
            return found.read(meter)
        return _select(meter, found, *selection)

    def write(self, meter: "Meter", role: Role, address: tuple[int, bytes, int], value: Data) -> DataAccessResult:
        """Write `value`; the result says whether it was taken."""
        found = self._attribute(address)
        if isinstance(found, DataAccessResult):
            return found
        if found.write is None or role not in found.writers:
            return DataAccessResult.READ_WRITE_DENIED
        try:
            found.write(meter, value)
        except WrongTypeError:
            return DataAccessResult.TYPE_UNMATCHED
        except ValueError:
            return DataAccessResult.OTHER_REASON
        return DataAccessResult.SUCCESS

    def perform(self, meter: "Meter", role: Role, address: tuple[int, bytes, int], value: Data | None) -> ActionResult:
        """Invoke method `address` (class, logical name, method)."""
        found = self._objects.get(address[:2])
        if found is None:
            return ActionResult(self._missing(address[1]))
        method = found.methods.get(address[2])
        if method is None:
            return ActionResult.OBJECT_UNAVAILABLE
        if role not in method.callers:
            return ActionResult.READ_WRITE_DENIED
        try:
            return method.perform(meter, value)
        except WrongTypeError:
            return ActionResult.TYPE_UNMATCHED
        except ValueError:
            return ActionResult.OTHER_REASON

    def _attribute(self, address: tuple[int, bytes, int]) -> Attribute | DataAccessResult:
        found = self._objects.get(address[:2])
        if found is None:
            return self._missing(address[1])
        return found.attributes.get(address[2]) or DataAccessResult.OBJECT_UNAVAILABLE

    def _missing(self, logical_name: bytes) -> DataAccessResult:
        known = logical_name in self._by_name
        return DataAccessResult.OBJECT_CLASS_INCONSISTENT if known else DataAccessResult.OBJECT_UNDEFINED


def _select(meter: "Meter", attribute: Attribute, selector: int, parameters: Data) -> bytes | DataAccessResult:
    if attribute.select is None or selector not in attribute.selectors:
        return DataAccessResult.SCOPE_OF_ACCESS_VIOLATED
    try:
        return attribute.select(meter, selector, parameters)
    except WrongTypeError:
        return DataAccessResult.TYPE_UNMATCHED
    except ValueError:
        return DataAccessResult.OTHER_REASON
