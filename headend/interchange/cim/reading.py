"""EndDeviceControls out of XML that may be hostile: no entities, no document type, bounded in size, depth and number.

Names are compared without their namespaces, but for the envelope: payload namespaces differ between editions of the
standard, and nothing here depends on them.
"""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Final
from xml.etree.ElementTree import Element, ParseError  # the types alone; parsing is defusedxml's

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]

from headend.interchange.cim.message import Control, ControlRequest, Header, MessageRefused
from headend.interchange.cim.names import MESSAGE, SWITCHES, Switch

#: Octets, levels and elements of a message; beyond them it is refused before it is read to its end.
LONGEST: Final = 1 << 20
DEEPEST: Final = 16
MOST_ELEMENTS: Final = 20_000
#: Relays in one message: what more is sent is sent in parts.
MOST_CONTROLS: Final = 1000
_LONGEST_TEXT: Final = 256

#: A control that is to be done at another time must not be done now.
_SCHEDULED: Final = frozenset({"scheduledInterval", "primaryDeviceTiming", "secondaryDeviceTiming"})
_VERBS: Final = frozenset({"create", "execute"})


def read_controls(body: bytes) -> ControlRequest:
    """The request in `body`; MessageRefused for any other, also for one doubtful control in it."""
    root = _parsed(body)
    if root.tag not in (f"{{{MESSAGE}}}RequestMessage", f"{{{MESSAGE}}}EventMessage"):
        raise MessageRefused("message_unknown", f"{_local(root)} is no RequestMessage of {MESSAGE}")
    header = _header(_only(root, "Header"))
    if header.noun != "EndDeviceControls":
        raise MessageRefused("noun_unsupported", f"Noun {header.noun!r} is not taken here, EndDeviceControls is")
    if header.verb.lower() not in _VERBS:
        raise MessageRefused("verb_unsupported", f"Verb {header.verb!r} is not taken here, create and execute are")
    payload = _only(_only(root, "Payload"), "EndDeviceControls")
    controls = tuple(each for one in _all(payload, "EndDeviceControl") for each in _controls(one))
    if not 1 <= len(controls) <= MOST_CONTROLS:
        raise MessageRefused("controls_count", f"a message has 1 to {MOST_CONTROLS} controls, not {len(controls)}")
    meters = [control.meter for control in controls]
    if len(set(meters)) != len(meters):
        raise MessageRefused("meter_repeated", "a meter is named twice: which of its controls is meant can't be told")
    return ControlRequest(header, controls)


def _parsed(body: bytes) -> Element:
    if len(body) > LONGEST:
        raise MessageRefused("message_too_long", f"a message has at most {LONGEST} octets")
    depth = count = 0
    try:
        # With its start events, so that neither depth nor number grows beyond the bounds before they are looked at.
        parser = iterparse(io.BytesIO(body), ("start", "end"), forbid_dtd=True)
        for event, _ in parser:
            depth += 1 if event == "start" else -1
            count += event == "start"
            _refuse_beyond_bounds(depth, count)
        root: Element = parser.root
    except MessageRefused:
        raise
    except DefusedXmlException as error:
        raise MessageRefused("message_hostile", f"entities and document types are not taken: {error!r}") from error
    except (ParseError, ValueError, LookupError) as error:
        raise MessageRefused("message_unreadable", f"not well-formed XML: {error}") from error
    return root


def _refuse_beyond_bounds(depth: int, count: int) -> None:
    if depth > DEEPEST or count > MOST_ELEMENTS:
        raise MessageRefused("message_too_deep", f"at most {DEEPEST} levels and {MOST_ELEMENTS} elements")


def _header(element: Element) -> Header:
    asks = _text(element, "AsyncReplyFlag", "false").lower() in ("true", "1")
    address = _text(element, "ReplyAddress", "") or None
    message_id = _text(element, "MessageID")
    return Header(
        verb=_text(element, "Verb"),
        noun=_text(element, "Noun"),
        timestamp=_moment(_text(element, "Timestamp")),
        source=_text(element, "Source"),
        message_id=message_id,
        correlation_id=_text(element, "CorrelationID", message_id),
        reply_address=address if asks else None,
    )


def _controls(element: Element) -> Iterator[Control]:
    """The controls of one EndDeviceControl: one a device."""
    timed = next((each for each in element if _local(each) in _SCHEDULED), None)
    if timed is not None:
        raise MessageRefused("control_scheduled", f"{_local(timed)}: controls are carried out at once or not at all")
    kind = _only(element, "EndDeviceControlType").get("ref", "")
    _, _, matched = kind.partition(".")
    switch = SWITCHES.get(matched)
    if switch is None:
        raise MessageRefused(
            "control_unsupported", f"EndDeviceControlType {kind[:40]!r} is neither connect nor disconnect"
        )
    mrid, reason = _text(element, "mRID", ""), _text(element, "reason", "")
    if switch is Switch.DISCONNECT and not reason:
        raise MessageRefused("reason_missing", "a disconnect has a reason; it stays in the journal")
    devices = _all(element, "EndDevices")
    if not devices:
        raise MessageRefused("device_missing", "an EndDeviceControl names its EndDevices")
    for device in devices:
        yield Control(_serial(device), switch, mrid, reason)


def _serial(device: Element) -> str:
    """A device's serial: the first of its names, else its mRID."""
    names = _all(device, "Names")
    return _text(names[0], "name") if names else _text(device, "mRID")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise MessageRefused("timestamp_unreadable", f"Timestamp {text[:40]!r}: write 2026-11-24T10:15:00+05:30")
    return moment


def _text(parent: Element, name: str, default: str | None = None) -> str:
    """The text of a child; MessageRefused where it is missing without a default, too long, or no plain text."""
    found = _all(parent, name)
    text = (found[0].text or "").strip() if len(found) == 1 else ""
    if len(found) > 1 or len(text) > _LONGEST_TEXT or not text.isprintable():
        raise MessageRefused("text_unusable", f"{name}: one line of at most {_LONGEST_TEXT} characters, once")
    if text:
        return text
    if default is None:
        raise MessageRefused("element_missing", f"{_local(parent)} lacks {name}")
    return default


def _only(parent: Element, name: str) -> Element:
    found = _all(parent, name)
    if len(found) != 1:
        raise MessageRefused("element_missing", f"{_local(parent)} has {len(found)} of {name}, not one")
    return found[0]


def _all(parent: Element, name: str) -> list[Element]:
    return [child for child in parent if _local(child) == name]


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2][:80]
