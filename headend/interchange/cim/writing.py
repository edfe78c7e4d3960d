"""Messages of IEC 61968-9 as XML: answers, EndDeviceEvents, MeterReadings. Elements in the order of the standard."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

from headend.interchange.cim.message import Control, Event, Fault, Header, MeterValues, Result
from headend.interchange.cim.names import CONTROL_TYPES, CONTROLS, EVENTS, MESSAGE, READINGS

for _prefix, _namespace in (("m", MESSAGE), ("c", CONTROLS), ("e", EVENTS), ("r", READINGS)):
    register_namespace(_prefix, _namespace)

#: What XML 1.0 can't hold is left out: texts of meters are not ours.
_CONTROL: Final = {code: None for code in range(0x20) if code not in (0x09, 0x0A, 0x0D)} | {0xFFFE: None, 0xFFFF: None}


def answer(header: Header, result: Result, faults: Iterable[Fault] = (), controls: Sequence[Control] = ()) -> bytes:
    """A ResponseMessage; `controls` are those that the answer is about."""
    root = _message("ResponseMessage", header)
    reply = _child(root, MESSAGE, "Reply")
    _child(reply, MESSAGE, "Result", result.value)
    for fault in faults:
        error = _child(reply, MESSAGE, "Error")
        _child(error, MESSAGE, "code", fault.code)
        _child(error, MESSAGE, "level", fault.level)
        _child(error, MESSAGE, "reason", fault.reason)
        if fault.meter is not None:
            _child(error, MESSAGE, "ID", fault.meter).set("objectType", "EndDevice")
    if controls:
        payload = _child(_child(root, MESSAGE, "Payload"), CONTROLS, "EndDeviceControls")
        for control in controls:
            _control(payload, control)
    return _written(root)


def events_message(header: Header, events: Iterable[Event]) -> bytes:
    """An EventMessage with EndDeviceEvents."""
    root = _message("EventMessage", header)
    payload = _child(_child(root, MESSAGE, "Payload"), EVENTS, "EndDeviceEvents")
    for event in events:
        element = _child(payload, EVENTS, "EndDeviceEvent")
        _child(element, EVENTS, "mRID", event.mrid)
        _child(element, EVENTS, "createdDateTime", stamp(event.at))
        if event.reason:
            _child(element, EVENTS, "reason", event.reason)
        _named(_child(element, EVENTS, "Assets"), EVENTS, event.meter)
        _child(element, EVENTS, "EndDeviceEventType").set("ref", event.type.value)
    return _written(root)


def readings_message(header: Header, meters: Iterable[MeterValues]) -> bytes:
    """An EventMessage with MeterReadings."""
    root = _message("EventMessage", header)
    payload = _child(_child(root, MESSAGE, "Payload"), READINGS, "MeterReadings")
    for meter in meters:
        element = _child(payload, READINGS, "MeterReading")
        _named(_child(element, READINGS, "Meter"), READINGS, meter.meter)
        for value in meter.values:
            reading = _child(element, READINGS, "Readings")
            _child(reading, READINGS, "timeStamp", stamp(value.at))
            _child(reading, READINGS, "value", value.value)
            _child(reading, READINGS, "ReadingType").set("ref", value.reading_type)
    return _written(root)


def stamp(moment: datetime) -> str:
    """A moment as xs:dateTime in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(kind: str, header: Header) -> Element:
    root = Element(f"{{{MESSAGE}}}{kind}")
    element = _child(root, MESSAGE, "Header")
    parts = (
        ("Verb", header.verb),
        ("Noun", header.noun),
        ("Timestamp", stamp(header.timestamp)),
        ("Source", header.source),
        ("MessageID", header.message_id),
        ("CorrelationID", header.correlation_id),
    )
    for name, text in parts:
        _child(element, MESSAGE, name, text)
    return root


def _control(parent: Element, control: Control) -> None:
    element = _child(parent, CONTROLS, "EndDeviceControl")
    if control.mrid:
        _child(element, CONTROLS, "mRID", control.mrid)
    if control.reason:
        _child(element, CONTROLS, "reason", control.reason)
    _child(element, CONTROLS, "EndDeviceControlType").set("ref", CONTROL_TYPES[control.switch])
    _named(_child(element, CONTROLS, "EndDevices"), CONTROLS, control.meter)


def _named(parent: Element, namespace: str, name: str) -> None:
    _child(_child(parent, namespace, "Names"), namespace, "name", name)


def _child(parent: Element, namespace: str, name: str, text: str | None = None) -> Element:
    element = SubElement(parent, f"{{{namespace}}}{name}")
    if text is not None:
        element.text = text.translate(_CONTROL)
    return element


def _written(root: Element) -> bytes:
    octets: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return octets
