"""What IEC 61968-9 calls things: namespaces, control and event types, reading types."""

from enum import StrEnum
from typing import Final

#: The envelope of every message (IEC 61968-100).
MESSAGE: Final = "http://iec.ch/TC57/2011/schema/message"
CONTROLS: Final = "http://iec.ch/TC57/2011/EndDeviceControls#"
EVENTS: Final = "http://iec.ch/TC57/2011/EndDeviceEvents#"
READINGS: Final = "http://iec.ch/TC57/2011/MeterReadings#"


class Switch(StrEnum):
    """What an EndDeviceControl asks of a relay."""

    CONNECT = "connect"
    DISCONNECT = "disconnect"


#: A control by the last three segments of its type: the first names the kind of device, and senders differ in it.
SWITCHES: Final = {"31.0.18": Switch.CONNECT, "31.0.23": Switch.DISCONNECT}
#: The types of controls as they are written.
CONTROL_TYPES: Final = {Switch.CONNECT: "3.31.0.18", Switch.DISCONNECT: "3.31.0.23"}


class EventType(StrEnum):
    """EndDeviceEvent types that this house tells."""

    CONNECTED = "3.31.0.42"
    DISCONNECTED = "3.31.0.68"
    POWER_DOWN = "3.26.38.47"
    POWER_UP = "3.26.38.49"
    COVER_OPEN = "3.12.29.39"


#: Event rows of this house that are EndDeviceEvents.
OF_EVENT_ROWS: Final = {"relay.connected": EventType.CONNECTED, "relay.disconnected": EventType.DISCONNECTED}
#: Codes in a meter's own event logs (IS 15959); those of the relay are in the event rows already.
OF_METER_CODES: Final = {101: EventType.POWER_DOWN, 102: EventType.POWER_UP, 251: EventType.COVER_OPEN}
#: Bits of the event status word that a meter pushes, by their names here.
OF_STATUS: Final = {
    "last gasp": EventType.POWER_DOWN,
    "first breath": EventType.POWER_UP,
    "cover opened": EventType.COVER_OPEN,
}

#: Readings by their names here: reading type (IEC 61968-9 annex C); registers are bulk (1), others instantaneous (12).
READING_TYPES: Final = {
    "energy_import": "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.72.0",
    "energy_export": "0.0.0.1.19.1.12.0.0.0.0.0.0.0.0.0.72.0",
    "energy_apparent": "0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.0.71.0",
    "power": "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.0.38.0",
    "voltage": "0.0.0.12.0.1.158.0.0.0.0.0.0.0.0.0.29.0",
    "current": "0.0.0.12.0.1.4.0.0.0.0.0.0.0.0.0.5.0",
    "frequency": "0.0.0.12.0.1.15.0.0.0.0.0.0.0.0.0.33.0",
    "power_factor": "0.0.0.12.0.1.38.0.0.0.0.0.0.0.0.0.65.0",
}
