"""Values inside an APDU as a trace prints them."""

from typing import Any

from headend.dlms import axdr
from headend.dlms.axdr import EncodedData, Tag
from headend.dlms.cosem import CosemAttribute, CosemDateTime, CosemMethod, SelectiveAccess
from headend.dlms.cursor import MAX_ELEMENTS
from headend.dlms.enumerations import ActionResult, DataAccessResult

Fields = dict[str, Any]

_CONTAINERS = (bytes((Tag.ARRAY,)), bytes((Tag.STRUCTURE,)))


def data(encoded: EncodedData) -> list[Any]:
    """A Data as `[type, value]`; the elements of a container are read one by one, so that a large buffer is shown."""
    octets = encoded.octets
    if octets[:1] in _CONTAINERS:
        return [Tag(octets[0]).label, [axdr.to_notation(each) for each in axdr.elements(octets, most=MAX_ELEMENTS)]]
    return axdr.to_notation(encoded.decode())


def invoke(octet: int) -> Fields:
    """The invoke-id-and-priority octet, whole and taken apart."""
    return {
        "invoke_id_and_priority": f"{octet:02x}",
        "invoke_id": octet & 0x0F,
        "confirmed": octet & 0x40 != 0,
        "high_priority": octet & 0x80 != 0,
    }


def attribute(descriptor: CosemAttribute, access: SelectiveAccess | None = None) -> Fields:
    """An attribute descriptor, with its access selection if there is one."""
    fields: Fields = {
        "class_id": descriptor.class_id,
        "instance": descriptor.instance.vector,
        "attribute": descriptor.attribute,
    }
    if access is not None:
        fields["access"] = {"selector": access.selector, "parameters": axdr.to_notation(access.parameters)}
    return fields


def method(descriptor: CosemMethod) -> Fields:
    """A method descriptor."""
    return {
        "class_id": descriptor.class_id,
        "instance": descriptor.instance.vector,
        "method": descriptor.method,
    }


def result(outcome: EncodedData | DataAccessResult) -> Fields:
    """A Get-Data-Result: the data, or the data access result."""
    if isinstance(outcome, DataAccessResult):
        return {"data_access_result": int(outcome)}
    return {"data": data(outcome)}


def action_result(outcome: tuple[ActionResult, EncodedData | DataAccessResult | None]) -> Fields:
    """The outcome of a method, and what it returned."""
    code, returned = outcome
    fields: Fields = {"result": int(code)}
    if returned is not None:
        fields["return_parameters"] = result(returned)
    return fields


def block(*, last_block: bool, block_number: int, raw_data: bytes) -> Fields:
    """A block of raw data."""
    return {"last_block": last_block, "block_number": block_number, "raw_data": raw_data.hex()}


def date_time(octets: bytes) -> Fields:
    """A COSEM date-time, field by field; UTC by the Blue Book's sign where it has one."""
    moment = CosemDateTime(octets)
    fields: Fields = {
        "hex": octets.hex(),
        "year": moment.year,
        "month": moment.month,
        "day": moment.day,
        "day_of_week": moment.day_of_week,
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "hundredths": moment.hundredths,
        "deviation": moment.deviation,
        "clock_status": moment.status,
        "deviation_specified": moment.deviation_specified,
    }
    utc = moment.utc_if_blue_book_sign
    if utc is not None:
        fields["utc_if_blue_book_sign"] = utc.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    return fields
