"""What is known of a meter's relay, and the event when it is seen to have changed."""

from headend.meters.reading import RelayState
from headend.storage.events import emit
from headend.storage.inventory import Known
from headend.storage.sqlite import Connection
from headend.storage.times import to_micros
from headend.storage.workitems import close_restored


def see_relay(connection: Connection, meter: Known, relay: RelayState, command: int | None = None) -> None:
    """Keep a relay state that was read; `command` names the command that this reading proves."""
    row = connection.execute(
        "SELECT relay_connected, relay_at FROM meter_state WHERE meter = ?", (meter.id,)
    ).fetchone()
    before, seen_at = (None, None) if row is None else row
    read_at = to_micros(relay.read_at)
    if seen_at is not None and read_at < seen_at:
        return
    connection.execute(
        "INSERT INTO meter_state (meter, relay_connected, control_state, control_mode, relay_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (meter) DO UPDATE SET (relay_connected, control_state, control_mode, relay_at) ="
        " (excluded.relay_connected, excluded.control_state, excluded.control_mode, excluded.relay_at)",
        (meter.id, int(relay.connected), relay.control_state, relay.control_mode, read_at),
    )
    if relay.connected and command is None:
        close_restored(connection, meter, relay.read_at)
    tell_relay(connection, meter, relay, before, command)


def tell_relay(
    connection: Connection, meter: Known, relay: RelayState, before: int | None, command: int | None = None
) -> None:
    """The event of a relay that is not as it was (`before`: 0, 1, or not known), or that a command has moved."""
    if command is None and (before is None or bool(before) == relay.connected):
        return
    emit(
        connection,
        relay.read_at,
        "relay.connected" if relay.connected else "relay.disconnected",
        meter=meter.serial,
        consumer_no=meter.consumer_no,
        payload={"control_state": relay.control_state, "control_mode": relay.control_mode, "command": command},
    )
