"""Value objects of association (IC 15) and SAP assignment (IC 17): Blue Book 4.4.4, 4.4.5."""

from enum import IntEnum
from typing import Annotated

from attrs import frozen

from headend.dlms.axdr import BitString, Data, array, boolean, null, structure
from headend.dlms.axdr import enum as enum_data
from headend.dlms.axdr import integer as integer_data
from headend.dlms.cosem import reading
from headend.dlms.cosem.layout import Codec, Record, array_of, bits, i8, obis, octets, record, text, u8, u16
from headend.dlms.cosem.obis import Obis


class AssociationStatus(IntEnum):
    """Attribute 8."""

    NON_ASSOCIATED = 0
    PENDING = 1
    ASSOCIATED = 2


@frozen
class AttributeAccess:
    """What this association may do with one attribute; `mode` by the class's version, `selectors` it may be read by.

    Up to version 2 the modes are 0 none, 1 read, 2 write, 3 both, 4 to 6 the same authenticated; from 3 on bits.
    """

    attribute: int
    mode: int
    selectors: tuple[int, ...] = ()

    @classmethod
    def from_data(cls, data: Data) -> "AttributeAccess":
        """The item in a structure of 3; null-data for no selectors."""
        attribute, mode, selectors = reading.fields(data, 3, "attribute_access_item")
        return cls(
            reading.number(attribute, "attribute_id"),
            reading.number(mode, "access_mode"),
            tuple(reading.number(item, "access_selectors") for item in reading.items(selectors, "access_selectors")),
        )

    def to_data(self) -> Data:
        """The structure that the standard defines."""
        selectors = array(*map(integer_data, self.selectors)) if self.selectors else null()
        return structure(integer_data(self.attribute), enum_data(self.mode), selectors)


@frozen
class MethodAccess:
    """Whether this association may call one method; version 0 of the class says it with a boolean."""

    method: int
    mode: int
    as_boolean: bool = False

    @classmethod
    def from_data(cls, data: Data) -> "MethodAccess":
        """The item in a structure of 2."""
        method, mode = reading.fields(data, 2, "method_access_item")
        as_boolean = isinstance(mode.value, bool)
        return cls(
            reading.number(method, "method_id"),
            int(reading.flag(mode, "access_mode")) if as_boolean else reading.number(mode, "access_mode"),
            as_boolean,
        )

    def to_data(self) -> Data:
        """The structure that the standard defines."""
        mode = boolean(bool(self.mode)) if self.as_boolean else enum_data(self.mode)
        return structure(integer_data(self.method), mode)


@frozen
class AccessRights(Record):
    """What this association may do with one object."""

    attributes: Annotated[tuple[AttributeAccess, ...], array_of(record(AttributeAccess))]
    methods: Annotated[tuple[MethodAccess, ...], array_of(record(MethodAccess))]


@frozen
class ListedObject(Record):
    """One element of the object list (attribute 2)."""

    class_id: Annotated[int, u16]
    version: Annotated[int, u8]
    instance: Annotated[Obis, obis]
    access: Annotated[AccessRights, record(AccessRights)]


@frozen
class AssociatedPartners(Record):
    """Attribute 3: who is associated."""

    client_sap: Annotated[int, i8]
    server_sap: Annotated[int, u16]


@frozen
class ContextInfo(Record):
    """Attribute 5: what was negotiated; `conformance` has 24 bits."""

    conformance: Annotated[BitString, bits]
    max_receive_pdu_size: Annotated[int, u16]
    max_send_pdu_size: Annotated[int, u16]
    dlms_version: Annotated[int, u8]
    quality_of_service: Annotated[int, i8]
    cyphering_info: Annotated[bytes, octets]


@frozen
class User(Record):
    """One entry of the user list (attribute 10)."""

    identifier: Annotated[int, u8]
    name: Annotated[str, text]


@frozen
class SapAssignment(Record):
    """One logical device and the SAP it answers at (IC 17, attribute 2)."""

    sap: Annotated[int, u16]
    logical_device_name: Annotated[bytes, octets]


OBJECT_LIST: Codec = array_of(record(ListedObject))
