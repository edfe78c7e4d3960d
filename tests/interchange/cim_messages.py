"""Example messages, and the schemas that what is written has to keep."""

from datetime import UTC, datetime
from pathlib import Path

import xmlschema

FOLDER = Path(__file__).parent
SCHEMA = xmlschema.XMLSchema(FOLDER / "schemas" / "message.xsd")
NAMESPACES = {
    "m": "http://iec.ch/TC57/2011/schema/message",
    "c": "http://iec.ch/TC57/2011/EndDeviceControls#",
    "e": "http://iec.ch/TC57/2011/EndDeviceEvents#",
    "r": "http://iec.ch/TC57/2011/MeterReadings#",
}


def example(switch, *, at=None, **changes):
    """The example of that name, sent now; `changes` are texts to be replaced."""
    text = (FOLDER / "messages" / f"{switch}.xml").read_text()
    text = text.replace("2026-11-24T10:15:00+05:30", (at or datetime.now(UTC)).isoformat())
    for before, after in changes.pop("texts", {}).items():
        assert before in text, before
        text = text.replace(before, after)
    return text.encode()


def valid(body):
    """The message as a tree, once it keeps the schema."""
    SCHEMA.validate(body.decode())
    from xml.etree.ElementTree import fromstring

    return fromstring(body)


def result(body):
    """Result, error codes and CorrelationID of a ResponseMessage."""
    root = valid(body)
    codes = [each.text for each in root.iterfind("m:Reply/m:Error/m:code", NAMESPACES)]
    return (
        root.findtext("m:Reply/m:Result", None, NAMESPACES),
        codes,
        root.findtext("m:Header/m:CorrelationID", None, NAMESPACES),
    )
