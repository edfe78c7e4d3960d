"""The inventory: which meter stands where, and what is pinned for it."""

from attrs import frozen


@frozen
class Meter:
    """One meter as the utility knows it; every field is what the head-end expects, never what a peer claims.

    `serial` is the key everywhere. `logical_device_name` (0.0.42.0.0.255) and `system_title` (8 octets, or None when
    it is learned and then pinned) are what the meter must present. `address` is a URL such as `tcp://10.0.0.7:4059`,
    `hdlc+tcp://…?physical=17` or `serial:///dev/ttyUSB0?baud=9600`; `server_sap` the logical device behind it.
    `lane` names what this meter shares with others (gateway, bus, cell); empty: a lane of its own.
    """

    serial: str
    logical_device_name: str
    model: str
    address: str
    system_title: bytes | None = None
    server_sap: int = 1
    lane: str = ""
    office: str = ""
    consumer_no: str | None = None
    group: str = "default"
    time_zone: str = "Asia/Kolkata"

    @property
    def lane_name(self) -> str:
        """The lane that a visit to this meter takes its permit from."""
        return self.lane or f"meter:{self.serial}"
