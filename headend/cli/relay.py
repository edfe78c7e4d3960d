import click

from headend.cli.output import config_option, emit_json, json_option, say

_wait = click.option("--wait", is_flag=True, help="Wait until the relay is read back (beside a daemon).")
_timeout = click.option("--timeout", "timeout_s", default=120.0, show_default=True, help="Seconds to wait.")
_reason = click.option("--reason", required=True, help="Why; it stays in the journal.")


@click.group()
def relay() -> None:
    """The supply relay of a meter.

    Every command is journalled before it is sent, and the relay is read back afterwards. Without a daemon this process
    visits the meter itself; beside one it asks the daemon.
    """


@relay.command(epilog="\b\nExample:\n  headend relay status SN0001 --json")
@click.argument("serial", metavar="METER")
@_timeout
@config_option
@json_option
def status(serial: str, timeout_s: float, config: str | None, as_json: bool) -> None:
    """Read the relay at the meter now."""
    import json

    from headend.cli.at_meter import read_now
    from headend.cli.running import acting_by_hand, with_headend

    act = acting_by_hand("read now", serial, of="meter")
    body = with_headend(config, lambda headend: read_now(headend, serial, None, None, None, timeout_s), act)
    found = json.loads(body)["relay"]
    if as_json:
        emit_json({"meter": serial, **(found or {})})
        return
    if found is None:
        say(f"meter {serial}: its model has no relay")
        return
    state = "connected" if found["connected"] else "DISCONNECTED"
    click.echo(f"{serial}: {state} (control state {found['control_state']}, control mode {found['control_mode']})")


@relay.command(epilog='\b\nExample:\n  headend relay disconnect SN0001 --reason "fire at the service line" --emergency')
@click.argument("serial", metavar="METER")
@_reason
@click.option("--emergency", is_flag=True, help="Danger to life: forbidden hours and caps do not hold it back.")
@_wait
@_timeout
@config_option
@json_option
def disconnect(
    serial: str, reason: str, emergency: bool, wait: bool, timeout_s: float, config: str | None, as_json: bool
) -> None:
    """Cut supply by hand. Kill switch, protected consumers, forbidden hours and caps still hold."""
    _operate(
        serial, "disconnected", reason, config, emergency=emergency, wait=wait, timeout_s=timeout_s, as_json=as_json
    )


@relay.command(epilog='\b\nExample:\n  headend relay reconnect SN0001 --reason "paid at the counter" --wait')
@click.argument("serial", metavar="METER")
@_reason
@_wait
@_timeout
@config_option
@json_option
def reconnect(serial: str, reason: str, wait: bool, timeout_s: float, config: str | None, as_json: bool) -> None:
    """Restore supply by hand. An open disconnect of this meter is replaced."""
    _operate(serial, "connected", reason, config, emergency=False, wait=wait, timeout_s=timeout_s, as_json=as_json)


def _operate(
    serial: str,
    target: str,
    reason: str,
    config: str | None,
    *,
    emergency: bool,
    wait: bool,
    timeout_s: float,
    as_json: bool,
) -> None:
    from headend.app import Headend
    from headend.app.switching import command_by_hand
    from headend.cli.at_meter import carry_out, raise_unless_done
    from headend.cli.running import acting_by_hand, person, with_headend
    from headend.commands.model import Command, State, Target

    async def work(headend: Headend) -> Command:
        command = command_by_hand(
            headend, serial, Target(target), reason, person(), headend.clock.now(), emergency=emergency
        )
        journalled = await headend.store.journal.request(command)
        if journalled.state is State.QUARANTINED:
            found = journalled
        else:
            found = await carry_out(headend, journalled, wait=wait, timeout_s=timeout_s)
        # Beside a daemon and without --wait, the journalled command is what was asked for.
        if not (found.state is State.REQUESTED and not wait):
            await raise_unless_done(headend.store, found)
        return found

    action = "reconnect" if target == "connected" else "disconnect"
    act = acting_by_hand(action, serial, of="meter", reason=reason, emergency=emergency)
    found = with_headend(config, work, act)
    if as_json:
        emit_json(found)
        return
    if found.state is State.CONFIRMED:
        say(f"{serial}: {found.target.value}, read back at the meter (command {found.id})")
    else:
        say(f"{serial}: command {found.id} is journalled, the running daemon carries it out")
