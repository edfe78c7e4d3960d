"""Messages of IEC 61968-9 as values: what another system asks, and what it is answered."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from headend.interchange.cim.names import EventType, Switch


class MessageRefused(ValueError):  # noqa: N818  says what it is
    """A message that can't be taken as a whole; `code` for machines. Nothing of it was done."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@frozen
class Header:
    """The header of a message; `reply_address` only where an answer is to go there later (AsyncReplyFlag)."""

    verb: str
    noun: str
    timestamp: datetime
    source: str
    message_id: str
    correlation_id: str
    reply_address: str | None = None


@frozen
class Control:
    """One relay of one meter, to be switched; `mrid` is the sender's own name of the control."""

    meter: str
    switch: Switch
    mrid: str
    reason: str


@frozen
class ControlRequest:
    """EndDeviceControls of one message, in its order."""

    header: Header
    controls: tuple[Control, ...]


class Result(StrEnum):
    """How an answer stands (IEC 61968-100, ReplyType)."""

    OK = "OK"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"


@frozen
class Fault:
    """An error of an answer; `meter` where it is about one. `level` INFORM tells that nothing is lost by it."""

    code: str
    reason: str
    meter: str | None = None
    level: str = "FATAL"


@frozen
class Event:
    """One EndDeviceEvent; `mrid` is the same however often the event is told."""

    mrid: str
    meter: str
    at: datetime
    type: EventType
    reason: str = ""


@frozen
class MeterValue:
    """One value of a reading type, as a decimal text, at the meter's own time."""

    reading_type: str
    at: datetime
    value: str


@frozen
class MeterValues:
    """The readings of one meter."""

    meter: str
    values: tuple[MeterValue, ...]
