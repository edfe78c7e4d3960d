"""The command line as a newcomer meets it: help with examples, and nothing loaded that a command does not need."""

import json
import subprocess
import sys

import click
import pytest

from headend.cli import cli

#: What takes long to import, or belongs to visits; help and lists need none of it.
HEAVY = {"asyncio", "sqlite_utils", "structlog", "rich", "uvloop", "cryptography", "headend.storage", "headend.app"}
VISITS = {"structlog", "uvloop", "headend.app.wiring", "headend.scheduler.collector", "headend.session.session"}


def leaves(command, path=()):
    """Every command that people call, with the words that call it."""
    if not isinstance(command, click.Group):
        if not command.hidden:
            yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        yield from leaves(command.get_command(context, name), (*path, name))


COMMANDS = dict(leaves(cli))


def loaded_by(*arguments, environment=None):
    """The modules that are loaded when a command has ended, and what it printed."""
    code = (
        "import sys, json\n"
        "from headend.cli import main\n"
        f"sys.argv = {['headend', *arguments]!r}\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    code = end.code\n"
        "else:\n    code = 0\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1])), done.stdout


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_shows_an_example(path):
    epilog = COMMANDS[path].epilog or ""
    assert "Example" in epilog
    assert f"headend {' '.join(path)}" in epilog


#: They run until they are ended, and log.
SERVICES = {("run",), ("web",)}

#: What they print is the document itself, in the form that another program asks for: XML, a JSON schema, a header.
DOCUMENTS = {("cim", "export"), ("cim", "handle"), ("events", "schema"), ("payments", "sign")}


@pytest.mark.parametrize("path", [path for path in COMMANDS if path not in {*SERVICES, *DOCUMENTS}], ids=" ".join)
def test_every_command_that_prints_results_can_print_json(path):
    assert "--json" in [option for parameter in COMMANDS[path].params for option in parameter.opts]


def test_help_loads_nothing_heavy_and_tells_the_exit_codes():
    modules, text = loaded_by("--help")
    assert not HEAVY & modules
    for code in ("0 done", "1 failed", "2 usage", "3 meter not reachable", "4 refused by a rule", "5 outcome unknown"):
        assert code in " ".join(text.split())


def test_a_list_loads_nothing_that_visits_meters(one_meter):
    site, serial, _ = one_meter
    modules, text = loaded_by("meters", "list", "--json", environment={"HEADEND_CONFIG": str(site.config)})
    assert not VISITS & modules
    assert [each["serial"] for each in json.loads(text)] == [serial]


def test_a_table_for_another_program_leaves_nothing_out(one_meter):
    site, serial, _ = one_meter
    office = "Ranchi/" + "a division with a long name " * 6 + "/Kokar"
    added = ("SN77", "--address", "tcp://127.0.0.1:9", "--logical-device-name", "SIM77", "--office", office)
    assert site.headend("meters", "add", *added).exit_code == 0
    lines = site.headend_process("meters", "list").stdout.splitlines()
    assert any(office in line for line in lines)
    assert any(serial in line for line in lines)


def test_numbers_are_written_as_people_write_them(one_meter):
    site, serial, _ = one_meter
    assert "E+" not in site.headend("read", serial).stdout
    assert "E+" not in site.headend("read", serial, "--json").stdout
    assert "E+" not in site.headend("meters", "show", serial).stdout
    assert "E+" not in site.headend("meters", "show", serial, "--json").stdout
