"""The registers among the objects that a meter lists, each with its kind, unit and scaler."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal

from attrs import evolve, frozen

from headend.dlms.axdr import BitString, Data, Tag
from headend.dlms.cosem import CaptureObject, Obis, ScalerUnit
from headend.meters.model import Kind, Register
from headend.session.objectlist import Found, Values
from headend.session.vocabulary import Names, Vocabulary

#: Classes with a value as attribute 2, and the attribute that dates it.
_DATED: Final = {4: 5}
_CLASSES: Final = frozenset((1, 3, 4, 5))
_COUNTERS: Final = b"\x00\x00\x2b\x01"
_FIRST_PRINTABLE: Final = 0x20
_DATE_TIME: Final = 12
_YEARS: Final = range(1970, 2200)


@frozen
class Scalers:
    """Scaler and unit by code: `own` told by the register itself, `rows` by a scaler profile."""

    own: Mapping[Obis, ScalerUnit]
    rows: Mapping[Obis, ScalerUnit]

    def of(self, obis: Obis) -> ScalerUnit | None:
        """What is told of a register, by itself first."""
        return self.own.get(obis) or self.rows.get(obis)


def found_registers(
    objects: Iterable[Found], values: Values, scalers: Scalers, vocabulary: Vocabulary
) -> tuple[Register, ...]:
    """Every object with one plain value that this role may read; invocation counters are no readings."""
    names = Names()
    return tuple(
        evolve(register, name=names.unique(register.name))
        for each in objects
        if each.class_id in _CLASSES and each.obis.octets[:4] != _COUNTERS
        for register in _registers(each, values, scalers, vocabulary)
    )


def kind_of(entry: CaptureObject, value: Data | None) -> Kind:
    """What a captured attribute is, by its class and, where it was read, its value."""
    if entry.class_id == 8 or (entry.class_id in _DATED and entry.attribute == _DATED[entry.class_id]):
        return Kind.TIME
    return Kind.NUMBER if value is None else _kind(value) or Kind.NUMBER


def _registers(each: Found, values: Values, scalers: Scalers, vocabulary: Vocabulary) -> Iterator[Register]:
    value = values.get(each.attribute(2))
    kind = None if value is None else _kind(value)
    if kind is None:
        return
    known = vocabulary.register(each.obis)
    told = scalers.of(each.obis)
    yield Register(
        name=vocabulary.name(each.obis),
        obis=each.obis,
        class_id=each.class_id,
        unit=told.unit_name if told else known.unit if known else "",
        scaler=_scaler(each, kind, known, scalers),
        kind=known.kind if known is not None and _agree(known.kind, kind) else kind,
    )
    dated = _DATED.get(each.class_id)
    if dated is not None and each.may_read(dated):
        yield Register(
            name=vocabulary.name(each.obis, dated),
            obis=each.obis,
            class_id=each.class_id,
            attribute=dated,
            kind=Kind.TIME,
        )


def _scaler(each: Found, kind: Kind, known: Register | None, scalers: Scalers) -> int | Literal["attribute", "money"]:
    if each.obis in scalers.own or kind is not Kind.NUMBER:
        return "attribute"
    if each.obis in scalers.rows:
        return scalers.rows[each.obis].scaler
    return known.scaler if known is not None and known.scaler != "attribute" else 0


def _kind(value: Data) -> Kind | None:
    """What a value is; None for what is no single value, or nothing."""
    content = value.value
    if isinstance(content, bool | int | float):
        return Kind.NUMBER
    if isinstance(content, str):
        return Kind.TEXT
    if isinstance(content, BitString) or value.tag in (Tag.DATE, Tag.TIME):
        return Kind.OCTETS
    if not isinstance(content, bytes):
        return None
    return Kind.TIME if value.tag is Tag.DATE_TIME or _is_time(content) else _octets_kind(content)


def _octets_kind(octets: bytes) -> Kind:
    text = octets.rstrip(b"\x00")
    printable = text.isascii() and all(octet >= _FIRST_PRINTABLE for octet in text)
    return Kind.TEXT if printable and text else Kind.OCTETS


def _is_time(octets: bytes) -> bool:
    """Whether 12 octets state a moment: letters and digits make no such month, day and hour."""
    if len(octets) != _DATE_TIME:
        return False
    year, month, day, hour = int.from_bytes(octets[:2], "big"), octets[2], octets[3], octets[5]
    return year in _YEARS and month in range(1, 13) and day in range(1, 32) and hour in range(24)


def _agree(known: Kind, found: Kind) -> bool:
    """Whether the kind that is known can be what was found: octets may be shown as text, or as a time."""
    return (known is Kind.NUMBER) == (found is Kind.NUMBER)
