"""What a meter says unasked: DataNotification and EventNotification (Green Book 9.3.10, 9.3.11, 9.5)."""

from typing import ClassVar, Final

from attrs import frozen

from headend.dlms import axdr
from headend.dlms import writing as write
from headend.dlms.axdr import EncodedData
from headend.dlms.cosem import CosemAttribute
from headend.dlms.cursor import Cursor
from headend.dlms.errors import DecodeError

_DATE_TIME_OCTETS: Final = 12
#: What some meters put in front of the date-time: an octet-string's tag (Kaifa), or the flag of an optional part.
_NEEDLESS_PREFIXES: Final = (b"\x09\x0c", b"\x01\x0c")


@frozen
class DataNotification:
    """A push: `long_invoke` is the whole long invoke-id-and-priority, `date_time` 12 octets or none."""

    NAME: ClassVar[str] = "data-notification"
    long_invoke: int
    date_time: bytes
    body: EncodedData

    def encode(self) -> bytes:
        """The octets of the APDU."""
        return b"\x0f%b%b%b" % (write.long_invoke(self.long_invoke), encode_date_time(self.date_time), self.body.octets)


@frozen
class EventNotification:
    """The value of one attribute, sent because something happened; `time` is 12 octets or None."""

    NAME: ClassVar[str] = "event-notification-request"
    time: bytes | None
    attribute: CosemAttribute
    data: EncodedData

    def encode(self) -> bytes:
        """The octets of the APDU."""
        time = b"\x00" if self.time is None else b"\x01" + encode_date_time(self.time)
        return b"\xc2%b%b%b" % (time, write.attribute(self.attribute), self.data.octets)


def encode_date_time(date_time: bytes) -> bytes:
    """A date-time field: its length and the octets."""
    return axdr.encode_length(len(date_time)) + date_time


def decode_date_time(read: Cursor, *, strict: bool) -> bytes:
    """A date-time field: none or 12 octets; not strict: one needless octet in front of it is passed over."""
    if not strict and read.octets[read.offset : read.offset + 2] in _NEEDLESS_PREFIXES:
        read.offset += 1
    start = read.offset
    octets = read.octet_string("date-time")
    if len(octets) not in (0, _DATE_TIME_OCTETS):
        raise DecodeError(f"a date-time of {len(octets)} octets", start)
    return octets


def decode_data_notification(octets: bytes, *, strict: bool) -> DataNotification:
    """A whole DataNotification; DecodeError when it is none."""
    read = Cursor(octets, 1)
    apdu = DataNotification(read.unsigned(4, "long invoke-id"), decode_date_time(read, strict=strict), read.data())
    read.end()
    return apdu


def decode_event_notification(octets: bytes, *, strict: bool) -> EventNotification:
    """A whole EventNotification; DecodeError when it is none."""
    read = Cursor(octets, 1)
    time = decode_date_time(read, strict=strict) if read.presence("time") else None
    apdu = EventNotification(time, read.attribute(), read.data())
    read.end()
    return apdu
