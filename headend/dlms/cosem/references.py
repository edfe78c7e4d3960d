"""What a service addresses: attributes, methods, and a part of an attribute (selective access)."""

from collections.abc import Sequence

from attrs import field, frozen

from headend.dlms.axdr import (
    Data,
    array,
    double_long_unsigned,
    integer,
    long_unsigned,
    octet_string,
    structure,
)
from headend.dlms.cosem.dates import CosemDateTime
from headend.dlms.cosem.obis import Obis
from headend.dlms.cosem.reading import fields, number, octets
from headend.dlms.errors import LocalError

#: Selectors of a profile's buffer (Blue Book 4.3.6.2.2).
RANGE_SELECTOR = 1
ENTRY_SELECTOR = 2


@frozen
class CosemAttribute:
    """Cosem-Attribute-Descriptor (Green Book 9.5): interface class, object, attribute 0 to 127 (0: all of them)."""

    class_id: int
    instance: Obis = field(converter=Obis)
    attribute: int


@frozen
class CosemMethod:
    """Cosem-Method-Descriptor (Green Book 9.5)."""

    class_id: int
    instance: Obis = field(converter=Obis)
    method: int


@frozen
class SelectiveAccess:
    """Selective-Access-Descriptor (Green Book 9.5): what part of an attribute is wanted."""

    selector: int
    parameters: Data


@frozen
class CaptureObject:
    """capture_object_definition of a profile (Blue Book 4.3.6): an attribute, and which element of it (0: all)."""

    class_id: int
    instance: Obis = field(converter=Obis)
    attribute: int
    data_index: int = 0

    @property
    def reference(self) -> CosemAttribute:
        """The attribute that is captured."""
        return CosemAttribute(self.class_id, self.instance, self.attribute)

    @classmethod
    def from_data(cls, data: Data) -> "CaptureObject":
        """The definition in a structure of 4; DecodeError if it is none."""
        class_id, instance, attribute, index = fields(data, 4, "a capture object")
        return cls(
            number(class_id, "class_id"),
            Obis(octets(instance, "logical_name")),
            number(attribute, "attribute_index"),
            number(index, "data_index"),
        )

    def to_data(self) -> Data:
        """The structure that the standard defines."""
        return structure(
            long_unsigned(self.class_id),
            octet_string(self.instance.octets),
            integer(self.attribute),
            long_unsigned(self.data_index),
        )


#: What profiles are sorted by nearly always: the clock's time, 0.0.1.0.0.255.
CLOCK = CaptureObject(8, Obis("0.0.1.0.0.255"), 2)


def range_access(
    start: "CosemDateTime | Data",
    end: "CosemDateTime | Data",
    *,
    restricting: CaptureObject | Obis = CLOCK,
    columns: Sequence[CaptureObject] = (),
) -> SelectiveAccess:
    """Rows whose `restricting` value lies between `start` and `end`, both included (Blue Book 4.3.6.2.2.2).

    A CosemDateTime goes as an octet-string; give Data where a meter wants another type. No `columns`: all of them.
    An Obis as `restricting` means the time (attribute 2) of the clock of that name.
    """
    if isinstance(restricting, Obis):
        restricting = CaptureObject(8, restricting, 2)
    bounds = (octet_string(bound.octets) if isinstance(bound, CosemDateTime) else bound for bound in (start, end))
    selected = array(*(column.to_data() for column in columns))
    return SelectiveAccess(RANGE_SELECTOR, structure(restricting.to_data(), *bounds, selected))


def entry_access(first: int, last: int = 0, first_column: int = 1, last_column: int = 0) -> SelectiveAccess:
    """Rows `first` to `last`, counted from 1 (0: to the newest), and columns likewise (Blue Book 4.3.6.2.2.3)."""
    if min(first, first_column) < 1 or min(last, last_column) < 0:
        raise LocalError("entries and columns count from 1; 0 as the last means: to the end")
    return SelectiveAccess(
        ENTRY_SELECTOR,
        structure(
            double_long_unsigned(first),
            double_long_unsigned(last),
            long_unsigned(first_column),
            long_unsigned(last_column),
        ),
    )
