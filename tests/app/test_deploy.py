"""What stands in deploy/ names things that exist."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import pytest
import yaml
from attrs import evolve
from watched_house import watched_house

from headend.app.health import health
from headend.app.metrics import Snapshot, families
from headend.cli import cli
from headend.scheduler.figures import RoundStanding
from headend.settings import Document, Section, load_settings
from headend.storage.disk import Disk
from headend.storage.status import OpenCommands, Unpublished, Waiting
from simulator.cli import main as simulator

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())


class Unit(configparser.RawConfigParser):
    """A unit file: keys keep their case, and may stand more than once."""

    def __init__(self, file):
        super().__init__(strict=False, delimiters=("=",), comment_prefixes=("#",), interpolation=None)
        self.optionxform = str
        self.read_string(file.read_text())


def understood(command, arguments):
    """Let click take the arguments as the shell would hand them over, without running anything."""
    context, rest = None, list(arguments)
    while isinstance(command, click.Group):
        context = click.Context(command, parent=context, info_name=command.name)
        command, name, rest = command.get_command(context, rest[0]), rest[0], rest[1:]
        assert command is not None, name
    command.make_context(command.name, rest, parent=context)


def known_variable(name):
    """Whether HEADEND_SECTION_KEY stands for a key of a section, or is one of the two that stand alone."""
    if name in ("HEADEND_CONFIG", "HEADEND_KEK"):
        return True
    for section, kind in Document.__annotations__.items():
        if isinstance(kind, type) and issubclass(kind, Section):
            keys = {f"HEADEND_{section}_{key}".upper() for key in kind.__struct_fields__}
            if name in keys:
                return True
    return False


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_a_unit_names_commands_and_variables_that_exist(file):
    unit = Unit(file)
    if file.suffix == ".timer":
        assert (DEPLOY / "systemd" / f"{file.stem}.service").exists()
        return
    words = shlex.split(unit["Service"]["ExecStart"].replace("$$(date +%%Y-%%m-%%dT%%H%%M%%S)", "now"))
    if words[0] == "/bin/sh":
        words = shlex.split(words[2])[1:]
    assert words[0] == "/opt/headend/.venv/bin/headend"
    understood(cli, words[1:])
    text = file.read_text()
    for name in re.findall(r"^Environment=(\w+)=", text, re.MULTILINE):
        assert known_variable(name), name


def test_the_unit_beats_more_often_than_its_watchdog_asks_and_stops_later_than_the_daemon():
    service = Unit(DEPLOY / "systemd" / "headend.service")["Service"]
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "main")
    assert int(service["WatchdogSec"]) >= 10
    assert int(service["TimeoutStopSec"]) > 10
    credential = service["LoadCredentialEncrypted"].partition(":")[0]
    text = (DEPLOY / "systemd" / "headend.service").read_text()
    assert f'kek_credential = "{credential}"' in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    for file in UNITS:
        text = file.read_text().replace("/opt/headend/.venv/bin/headend", str(Path(sys.executable).parent / "headend"))
        (tmp_path / file.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    ours = [line for line in done.stderr.splitlines() if "headend" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_compose_file_names_commands_variables_and_files_that_exist():
    folder = DEPLOY / "container"
    compose = yaml.safe_load((folder / "compose.yaml").read_text())
    services = compose["services"]
    assert set(services) == {"headend", "broker", "simulator"}
    build = services["headend"]["build"]
    root = (folder / build["context"]).resolve()
    assert (root / build["dockerfile"]).is_file()
    assert all(known_variable(name) for name in services["headend"]["environment"])
    assert services["simulator"]["profiles"] == ["simulator"]
    understood(simulator, services["simulator"]["command"])
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert (folder / source).is_file() if source.startswith(".") else source in compose["volumes"]
        assert set(service.get("depends_on", [])) <= set(services)


def test_the_commands_that_the_compose_file_shows_exist(tmp_path):
    for file in re.findall(r"--export-\w+=/fleet/(\S+)", (DEPLOY / "container" / "compose.yaml").read_text()):
        (tmp_path / file).touch()
    text = (DEPLOY / "container" / "compose.yaml").read_text().replace(" /fleet/", f" {tmp_path}/")
    for words in re.findall(r"^#.* exec headend headend (.+)$", text, re.MULTILINE):
        understood(cli, shlex.split(words))
    (words,) = re.findall(r"^#.* run --rm headend (.+)$", text, re.MULTILINE)
    understood(cli, shlex.split(words))


def test_the_container_file_runs_as_a_user_and_asks_for_its_health():
    text = (DEPLOY / "container" / "Containerfile").read_text()
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert "/healthz" in text
    assert text.count("FROM debian:12-slim") == 2
    for name in re.findall(r"\b(HEADEND_\w+)=", text):
        assert known_variable(name), name
    root = DEPLOY.parent
    for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE):
        *sources, _ = line.split()
        assert all((root / source).exists() for source in sources)
    asked = next(word for word in re.findall(r"\"(from urllib[^\"]+)\"", text))
    compile(asked, "healthcheck", "exec")
    command = json.loads(re.findall(r"^CMD (\[.+\])$", text, re.MULTILINE)[-1])
    understood(cli, command)


async def everything_shown(folder):
    """Every metric that a head-end can show, with the suffixes that Prometheus keeps it under."""
    async with watched_house(folder) as monitor:
        status = monitor.status()
        at = status.at
        standing = evolve(status.standing, rounds=(RoundStanding("daily", at, 10, 5),))
        status = evolve(status, standing=standing, broker=True)
        house = evolve(
            await monitor.headend.store.status.house(),
            commands=(OpenCommands("connected", "requested", 1, at),),
            work={"reconnect_late": 1},
            messages=(Waiting("sms", "queued", 1),),
            unpublished=(Unpublished("mqtt", 1, at),),
        )
    snapshot = Snapshot(at, (status,), house, (1, 1), Disk(1, 1), health([status], at))
    return {sample.name for family in families(snapshot) for sample in family.samples}


async def test_every_metric_on_the_dashboard_exists(tmp_path):
    board = json.loads((DEPLOY / "grafana" / "headend.json").read_text())
    shown = await everything_shown(tmp_path)
    named = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            named |= set(re.findall(r"\bheadend_\w+", target["expr"]))
    assert named - shown == set()
    # And nothing that is measured is left out of sight.
    seen = {re.sub(r"_(bucket|count|sum)$", "", name) for name in named}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown} - seen == {"headend_worker_info"}


def test_the_panels_of_the_dashboard_do_not_overlap():
    board = json.loads((DEPLOY / "grafana" / "headend.json").read_text())
    taken = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (column, row)
            for column in range(place["x"], place["x"] + place["w"])
            for row in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(column for column, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_prometheus_is_told_of_the_place_that_the_configuration_shows():
    told = yaml.safe_load((DEPLOY / "grafana" / "prometheus.yml").read_text())
    (place,) = told["scrape_configs"][0]["static_configs"][0]["targets"]
    assert f'listen = "{place}"' in (DEPLOY.parent / "config" / "headend.toml").read_text()


def test_the_environment_of_the_container_makes_a_configuration(tmp_path):
    text = (DEPLOY / "container" / "Containerfile").read_text()
    environment = dict(re.findall(r"\b(HEADEND_\w+)=(\S+)", text))
    settings = load_settings(str(DEPLOY.parent / "config" / "headend.toml"), environment)
    assert settings.document.metrics.listen == "0.0.0.0:9464"
    assert settings.store_path == Path("/var/lib/headend/headend.db")
    assert msgspec.to_builtins(settings.document.log)["format"] == "json"
