"""The command line: one file a noun, imported only when its command is called, so that `--help` stays fast."""

import sys

import click

from headend.cli.lazy import LazyGroup
from headend.errors import HeadendError

EPILOG = """\b
Examples:
  headend demo                                    a simulated fleet, a cut, a recharge, supply restored
  headend run --config config/headend.toml        the daemon
  headend relay reconnect SN0001 --reason "paid at the counter" --wait
  headend recharge 10000000001 500 --payment-id P-20261

\b
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 meter not reachable,
            4 refused by a rule, 5 outcome unknown.
"""

COMMANDS = {
    "demo": ("headend.cli.demo:demo", "Show a whole cycle on a simulated fleet: poll, cut, recharge, restore."),
    "run": ("headend.cli.run:run", "Run the daemon against the fleet."),
    "web": ("headend.cli.web:web", "Serve console, portal and API beside a daemon."),
    "status": ("headend.cli.status:status", "How daemon and fleet stand: a live screen, or JSON."),
    "workers": ("headend.cli.workers:workers", "The processes that visit: which, what each visits, why one ended."),
    "fleet": ("headend.cli.fleet:fleet", "How complete a day's data are, by profile, office and lane."),
    "meters": ("headend.cli.meters:meters", "The inventory: import, add, list, show, discover."),
    "consumers": ("headend.cli.consumers:consumers", "Prepaid consumers: import, list, change of number."),
    "read": ("headend.cli.read:read", "Read a meter now: its registers, or a profile."),
    "relay": ("headend.cli.relay:relay", "Relay status; disconnect or reconnect by hand."),
    "recharge": ("headend.cli.recharge:recharge", "Book a recharge; supply returns if it suffices."),
    "payments": ("headend.cli.payments:payments", "Payments that another system reports, signed."),
    "cim": ("headend.cli.cim:cim", "CIM (IEC 61968-9): controls in, events and readings out."),
    "accounts": ("headend.cli.accounts:accounts", "Prepaid accounts: balance, ledger, decision."),
    "commands": ("headend.cli.commands:commands", "The journal of relay commands, with evidence."),
    "schedules": ("headend.cli.schedules:schedules", "What is read how often: list, show, suspend, resume."),
    "rounds": ("headend.cli.rounds:rounds", "Rounds of collection: progress, pause, cancel; what was given up."),
    "work": ("headend.cli.work:work", "What people have to do: supply that stays off, unknown outcomes."),
    "notices": ("headend.cli.notices:notices", "Notices to consumers, and their messages by each channel."),
    "events": ("headend.cli.events:events", "What happened, newest last; --follow waits for more."),
    "policy": ("headend.cli.policy:policy", "Modes per office, arming, kill switch."),
    "users": ("headend.cli.users:users", "Officers of the console: add, link, disable."),
    "audit": ("headend.cli.audit:audit", "Who did what, chained; verify and export it."),
    "keys": ("headend.cli.keys:keys", "Keys of meters, wrapped under a key-encryption key."),
    "export": ("headend.cli.export:export", "Readings, profiles, events, ledger as CSV, XLSX or Parquet."),
    "db": ("headend.cli.db:db", "Check or back up the database."),
    "trace": ("headend.cli.trace:trace", "Decode frames, APDUs or data; decipher with given keys."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="headend", prog_name="headend")
def cli() -> None:
    """Head-end system for prepaid smart meters over DLMS/COSEM."""


def main() -> None:
    """Run the command line; an error that this package raises becomes one clear line and its exit code."""
    try:
        cli(prog_name="headend")
    except HeadendError as error:
        from headend.cli.output import fail

        sys.exit(fail(error))
