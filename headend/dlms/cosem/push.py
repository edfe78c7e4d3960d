"""Value objects of push setup (IC 40): Blue Book 4.4.8."""

from typing import Annotated

from attrs import frozen

from headend.dlms.axdr import Data, long_unsigned, octet_string, structure
from headend.dlms.axdr import integer as integer_data
from headend.dlms.cosem import reading
from headend.dlms.cosem.dates import CosemDateTime
from headend.dlms.cosem.layout import Record, date_time, enum, octets, u16
from headend.dlms.cosem.obis import Obis


@frozen
class PushObject:
    """One entry of the push object list (attribute 2): a capture object, from version 2 on with more after it.

    `rest` holds restriction and columns as they came: of versions 0 and 1 there are none.
    """

    class_id: int
    instance: Obis
    attribute: int
    data_index: int = 0
    rest: tuple[Data, ...] = ()

    @classmethod
    def from_data(cls, data: Data) -> "PushObject":
        """The entry in a structure of 4, 5 or 6."""
        size = len(data.value) if isinstance(data.value, tuple) else 4
        class_id, instance, attribute, index, *rest = reading.fields(data, min(max(size, 4), 6), "a push object")
        return cls(
            reading.number(class_id, "class_id"),
            Obis(reading.octets(instance, "logical_name")),
            reading.number(attribute, "attribute_index"),
            reading.number(index, "data_index"),
            tuple(rest),
        )

    def to_data(self) -> Data:
        """The structure that the standard defines."""
        return structure(
            long_unsigned(self.class_id),
            octet_string(self.instance.octets),
            integer_data(self.attribute),
            long_unsigned(self.data_index),
            *self.rest,
        )


@frozen
class SendDestination(Record):
    """Attribute 3. Service 0 TCP, 1 UDP, 4 SMS, 5 HDLC, ...; message 0 A-XDR, 1 XML."""

    service: Annotated[int, enum]
    destination: Annotated[bytes, octets]
    message: Annotated[int, enum]


@frozen
class Window(Record):
    """One communication window (attribute 4)."""

    start: Annotated[CosemDateTime, date_time]
    end: Annotated[CosemDateTime, date_time]


@frozen
class RepetitionDelay(Record):
    """Attribute 7 from version 2 on: seconds, exponent in hundredths, seconds."""

    minimum: Annotated[int, u16]
    exponent: Annotated[int, u16]
    maximum: Annotated[int, u16]
