from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import click

from headend.cli.output import config_option, emit_json, in_india, json_option, say, table

if TYPE_CHECKING:
    from headend.storage.coverage import Coverage, Share

_MOST_SHOWN = 20


class Day(click.ParamType[date]):
    """A calendar day, or `today` or `yesterday` in India."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The day."""
        from datetime import timedelta

        if isinstance(value, date):
            return value
        today = in_india(datetime.now(UTC)).date()
        match str(value):
            case "today":
                return today
            case "yesterday":
                return today - timedelta(days=1)
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a day such as 2026-11-23, yesterday or today", param, ctx)


@click.group()
def fleet() -> None:
    """The whole fleet: how complete its data are."""


@fleet.command(
    epilog="\b\nExamples:\n  headend fleet coverage --date yesterday\n"
    "  headend fleet coverage --date 2026-11-23 --profile block_load --office Ranchi/East --missing\n"
    "  headend fleet coverage --date 2026-11-23 --json | jq '.profiles.daily.percent'"
)
@click.option(
    "--date", "day", type=Day(), default="yesterday", show_default=True, help="The day, in each meter's zone."
)
@click.option("--profile", default=None, help="One profile; left out: all that are captured by the clock.")
@click.option("--office", default="", help="circle/division/sub-division, with all below it; left out: the house.")
@click.option("--missing", is_flag=True, help="List every meter that lacks rows.")
@config_option
@json_option
def coverage(day: date, profile: str | None, office: str, missing: bool, config: str | None, as_json: bool) -> None:
    """Percent complete by profile, office and lane: rows stored, of those that meters must have captured.

    A row is stamped with the end of what it measures, so the row of midnight closes the day before. Of today, captures
    up to now count. How often a meter captures is what its model says.
    """
    from headend.app.monitoring_coverage import periods
    from headend.cli.running import with_store
    from headend.settings import load_settings

    wanted = periods(load_settings(config), profile)
    found = with_store(config, lambda store: store.completeness.day(day, wanted, office))
    if as_json:
        _emit(found, missing)
    else:
        _show(found, missing)


def _emit(found: "Coverage", missing: bool) -> None:
    def listed(shares: "dict[tuple[str, str], Share]", what: str) -> list[dict[str, object]]:
        return [{"profile": profile, what: name, **_plain(share)} for (profile, name), share in shares.items()]

    emit_json(
        {
            "date": found.day.isoformat(),
            "profiles": {profile: _plain(share) for profile, share in found.profiles.items()},
            "offices": listed(found.offices, "office"),
            "lanes": listed(found.lanes, "lane"),
            "incomplete_meters": len({each.meter for each in found.missing}),
            "unmeasured_meters": found.unmeasured,
            **({"missing": found.missing} if missing else {}),
        }
    )


def _plain(share: "Share") -> dict[str, object]:
    return {
        "percent": round(share.percent, 3),
        "rows": share.stored,
        "expected": share.expected,
        "meters": share.meters,
        "complete_meters": share.complete,
    }


def _show(found: "Coverage", missing: bool) -> None:
    from headend.storage.coverage import lacking

    columns = ("percent", "rows", "expected", "complete meters", "meters")
    table(
        f"Coverage of {found.day}",
        ("profile", *columns),
        [(name, *_cells(one)) for name, one in found.profiles.items()],
    )
    rows = [(profile, name, *_cells(share)) for (profile, name), share in found.offices.items()]
    table("By office", ("profile", "office", *columns), rows)
    lanes = list(lacking(found.lanes))
    if lanes:
        rows = [(profile, name, *_cells(share)) for (profile, name), share in lanes[:_MOST_SHOWN]]
        table(f"The emptiest of {len(lanes)} lanes that lack rows", ("profile", "lane", *columns), rows)
    if missing:
        listed = [(one.meter, one.profile, one.office, one.lane, one.stored, one.expected) for one in found.missing]
        table("Meters that lack rows", ("meter", "profile", "office", "lane", "rows", "expected"), listed)
    elif found.missing:
        say(f"{len({one.meter for one in found.missing})} meters lack rows; --missing lists them")
    if found.unmeasured:
        say(f"{found.unmeasured} meters have a model without such a profile and are not counted")


def _cells(share: "Share") -> tuple[str, str, str, str, str]:
    # Rounded down: what is not complete is never shown as 100.
    percent = f"{int(share.percent * 100) / 100:.2f} %"
    return percent, f"{share.stored:,}", f"{share.expected:,}", f"{share.complete:,}", f"{share.meters:,}"
