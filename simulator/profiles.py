"""Profile generic, interface class 7 (Blue Book 4.3.6): buffer by range and by entry, capture objects, entries."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from headend.dlms.axdr.values import Data, Tag
from simulator import octets
from simulator.associations import UTILITY
from simulator.captures import Capture, Captures
from simulator.objects import Attribute, CosemObject, WrongTypeError, constant, cosem_object
from simulator.rows import Column, Value, compiled

if TYPE_CHECKING:
    from simulator.meter import Meter

RANGE, ENTRY = 1, 2
_PROFILE_CLASS = 7
_SORTED_FIFO = 1
CLOCK_NAME = bytes((0, 0, 1, 0, 0, 255))
CLOCK_COLUMN = Column(8, CLOCK_NAME, 2, Tag.OCTET_STRING)


@frozen
class Profile:
    """One profile as functions of a meter: which captures it holds, and the values of any of them."""

    logical_name: bytes
    columns: tuple[Column, ...]
    captures: Callable[["Meter"], Captures]
    rows: Callable[["Meter", Sequence[Capture]], Iterable[Sequence[Value]]]
    period: Callable[["Meter"], int] = lambda _: 0
    depth: Callable[["Meter"], int] = lambda _: 1

    def cosem_object(self) -> CosemObject:
        """The object that serves this profile."""
        definitions = octets.array(column.definition for column in self.columns)
        return cosem_object(
            _PROFILE_CLASS,
            self.logical_name,
            {
                2: Attribute(self.buffer, UTILITY, select=self.select, selectors=(RANGE, ENTRY)),
                3: constant(definitions, UTILITY),
                4: Attribute(lambda meter: octets.double_long_unsigned(self.period(meter)), UTILITY),
                5: constant(octets.enum(_SORTED_FIFO), UTILITY),
                6: constant(self.columns[0].definition, UTILITY),
                7: Attribute(lambda meter: octets.double_long_unsigned(len(self.captures(meter))), UTILITY),
                8: Attribute(lambda meter: octets.double_long_unsigned(self.depth(meter)), UTILITY),
            },
            version=1,
        )

    def buffer(self, meter: "Meter") -> bytes:
        """The whole buffer."""
        captures = self.captures(meter)
        return self._encode(meter, captures.entries(1, len(captures)), tuple(range(len(self.columns))))

    def select(self, meter: "Meter", selector: int, parameters: Data) -> bytes:
        """The part of the buffer that `parameters` ask for; WrongTypeError or ValueError when they make no sense."""
        if parameters.tag is not Tag.STRUCTURE or len(parameters.value) != 4:
            raise WrongTypeError("selective access takes a structure of 4")
        captures = self.captures(meter)
        if selector == RANGE:
            return self._by_range(meter, captures, *parameters.value)
        return self._by_entry(meter, captures, *(_number(item) for item in parameters.value))

    def _by_range(
        self, meter: "Meter", captures: Captures, restricting: Data, start: Data, end: Data, columns: Data
    ) -> bytes:
        if _definition(restricting)[:3] not in ((8, CLOCK_NAME, 2), self.columns[0][:3]):
            raise ValueError("rows are restricted by their time only")
        rows = captures.between(meter.clock.read(_time(start)), meter.clock.read(_time(end)))
        return self._encode(meter, rows, self._selected(columns))

    def _by_entry(self, meter: "Meter", captures: Captures, first: int, last: int, left: int, right: int) -> bytes:
        rows = captures.entries(first, last or len(captures))
        return self._encode(meter, rows, tuple(range(len(self.columns)))[max(left, 1) - 1 : right or None])

    def _selected(self, columns: Data) -> tuple[int, ...]:
        if columns.tag is not Tag.ARRAY:
            raise WrongTypeError("selected values are an array")
        if not columns.value:
            return tuple(range(len(self.columns)))
        known = [column[:3] for column in self.columns]
        return tuple(known.index(_definition(item)[:3]) for item in columns.value)

    def _encode(self, meter: "Meter", captures: Sequence[Capture], chosen: tuple[int, ...]) -> bytes:
        rows = self.rows(meter, captures)
        if len(chosen) == len(self.columns):
            return compiled(self.columns).encode(rows)
        columns = tuple(self.columns[index] for index in chosen)
        return compiled(columns).encode([[row[index] for index in chosen] for row in rows])


def _definition(data: Data) -> tuple[int, bytes, int, int]:
    if data.tag is not Tag.STRUCTURE or len(data.value) != 4:
        raise WrongTypeError("a capture object is a structure of 4")
    class_id, name, attribute, index = data.value
    return _number(class_id), _octets(name), _number(attribute), _number(index)


def _number(data: Data) -> int:
    if not isinstance(data.value, int):
        raise WrongTypeError("a number is expected")
    return data.value


def _octets(data: Data) -> bytes:
    if not isinstance(data.value, bytes):
        raise WrongTypeError("octets are expected")
    return data.value


def _time(data: Data) -> bytes:
    if data.tag not in (Tag.OCTET_STRING, Tag.DATE_TIME):
        raise WrongTypeError("a time is expected")
    return _octets(data)
