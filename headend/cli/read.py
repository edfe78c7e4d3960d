from datetime import datetime
from typing import Any

import click

from headend.cli.output import config_option, json_option, table
from headend.cli.running import Moment


@click.command(
    epilog="\b\nExamples:\n  headend read SN0001\n"
    "  headend read SN0001 --profile block_load --since 2026-11-23 --until 2026-11-24 --json"
)
@click.argument("serial", metavar="METER")
@click.option("--profile", default=None, help="instantaneous, block_load, daily, billing, nameplate, events_…")
@click.option("--since", type=Moment(), default=None, help="Rows captured from then on.")
@click.option("--until", type=Moment(), default=None, help="Rows captured up to then.")
@click.option("--timeout", "timeout_s", default=120.0, show_default=True, help="Seconds to wait for a running daemon.")
@config_option
@json_option
def read(
    serial: str,
    profile: str | None,
    since: datetime | None,
    until: datetime | None,
    timeout_s: float,
    config: str | None,
    as_json: bool,
) -> None:
    """Read a meter now: clock, relay, registers and balance; or the rows of a profile. What is read is stored."""
    import json

    from headend.cli.at_meter import read_now
    from headend.cli.running import acting_by_hand, with_headend

    if profile is None and (since or until):
        raise click.UsageError("--since and --until select rows of a profile: add --profile NAME")
    if since and until and since > until:
        raise click.UsageError(f"--since ({since.isoformat()}) is later than --until ({until.isoformat()})")
    act = acting_by_hand("read now", serial, of="meter", profile=profile)
    body = with_headend(config, lambda headend: read_now(headend, serial, profile, since, until, timeout_s), act)
    if as_json:
        click.echo(body)
        return
    answer = json.loads(body)
    _show_registers(answer) if profile is None else _show_profile(answer)


def _show_registers(answer: dict[str, Any]) -> None:
    from headend.prepaid.money import format_rupees

    clock, relay, paise = answer["clock"], answer["relay"], answer["balance_paise"]
    rows: list[tuple[object, object, object]] = []
    if clock:
        rows.append(("clock", datetime.fromisoformat(clock["meter_time"]), f"{clock['deviation_s']:+.1f} s"))
    if relay:
        state = "connected" if relay["connected"] else "disconnected"
        rows.append(("relay", state, f"state {relay['control_state']}, mode {relay['control_mode']}"))
    if paise is not None:
        rows.append(("balance at the meter", format_rupees(paise), ""))
    rows += [(each["name"], each["value"], each["unit"]) for each in answer["readings"]]
    table(f"Meter {answer['meter']}", ("", "value", "unit"), rows)


def _show_profile(answer: dict[str, Any]) -> None:
    columns = [f"{each['name']} {each['unit']}".strip() for each in answer["columns"]]
    rows = [(datetime.fromisoformat(each["time"]), *each["values"]) for each in answer["rows"]]
    table(f"Meter {answer['meter']}: {answer['profile']}, {len(rows)} rows", ("time", *columns), rows)
