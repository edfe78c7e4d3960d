import csv
import json
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import pytest
from click.testing import CliRunner

from simulator.cli import main

RUN = [sys.executable, "-m", "simulator", "run"]


@pytest.fixture
def start():
    started = []

    def start(*arguments):
        process = subprocess.Popen(
            [*RUN, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def ready(process):
    return json.loads(process.stdout.readline())


def order(port, **keys):
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rwb") as stream:
        stream.write(json.dumps(keys).encode() + b"\n")
        stream.flush()
        return json.loads(stream.readline())


def test_it_says_when_it_is_ready_and_where_the_meters_are(start):
    announced = ready(start("--meters", 2, "--port", 0, "--control-port", 0, "--json"))
    assert announced["ready"] is True
    assert [meter["serial"] for meter in announced["meters"]] == ["10000001", "10000002"]
    for meter in announced["meters"]:
        socket.create_connection((meter["host"], meter["port"])).close()
    assert order(announced["control"], op="stats")["meters"] == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(start, number):
    process = start("--meters", 1, "--port", 0, "--json")
    meter = ready(process)["meters"][0]
    with socket.create_connection((meter["host"], meter["port"])):
        process.send_signal(number)
        assert process.wait(20) == 0
    assert process.stderr.read() == ""


def test_an_order_ends_it_cleanly(start):
    process = start("--meters", 1, "--port", 0, "--control-port", 0, "--json")
    order(ready(process)["control"], op="shutdown")
    assert process.wait(20) == 0
    assert process.stderr.read() == ""


def test_it_tells_people_where_the_meters_are(start):
    process = start("--meters", 3, "--port", 0, "--control-port", 0)
    lines = [process.stdout.readline() for _ in range(5)]
    assert "3 meters ready" in lines[0]
    assert "10000001 at 127.0.0.1:" in lines[1]
    assert "10000003 at 127.0.0.1:" in lines[2]
    assert "control port" in lines[3]


def test_it_writes_what_the_head_end_imports(start, tmp_path):
    files = [tmp_path / name for name in ("meters.csv", "keys.toml", "consumers.csv")]
    options = zip(("--export-inventory", "--export-keys", "--export-consumers"), files, strict=True)
    process = start("--meters", 4, "--port", 0, "--gateways", 2, "--json", *(item for pair in options for item in pair))
    meters = ready(process)["meters"]
    with files[0].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["address"] for row in rows] == [f"tcp://127.0.0.1:{meter['port']}" for meter in meters]
    assert [row["lane"] for row in rows] == ["gateway-1", "gateway-2"] * 2
    assert files[1].read_text().count("[[keys]]") == 12
    assert len(files[2].read_text().splitlines()) == 5


def test_one_port_serves_all_meters_by_address(start):
    meters = ready(start("--meters", 300, "--by-address", "--port", 0, "--json"))["meters"]
    assert (meters[0]["host"], meters[299]["host"]) == ("127.1.0.1", "127.1.1.44")
    socket.create_connection((meters[299]["host"], meters[299]["port"])).close()


def test_a_line_without_end_closes_the_control_connection_and_nothing_else(start):
    port = ready(start("--meters", 1, "--port", 0, "--control-port", 0, "--json"))["control"]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(20)
        with suppress(ConnectionError):  # reset while octets are under way, or ended in order
            connection.sendall(b"x" * 70_000)
            assert connection.recv(1) == b""
    assert order(port, op="stats")["ok"] is True


def test_a_port_in_use_is_named_with_the_way_out(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--meters", 1, "--port", port)
        assert process.wait(20) == 1
    assert f"port {port} on 127.0.0.1 is in use: choose another with --port" in process.stderr.read()


def test_a_control_port_in_use_is_named_with_the_way_out(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("--meters", 1, "--port", 0, "--control-port", port)
        assert process.wait(20) == 1
    assert f"port {port}" in (message := process.stderr.read())
    assert "--control-port" in message


def test_too_few_files_are_named_with_the_way_out():
    command = f"ulimit -n 100; exec {sys.executable} -m simulator run --meters 200 --port 0"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "too many open files: raise the limit with `ulimit -n`, or use --gateways" in ended.stderr


def test_ports_beyond_the_last_are_refused_with_the_way_out(start):
    process = start("--meters", 10, "--port", 65_530)
    assert process.wait(20) == 1
    assert "65539" in (message := process.stderr.read())
    assert "--gateways" in message


def test_a_wrong_scenario_is_a_usage_error(start, tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text("[meters]\nload_wats = 5\n")
    process = start("--scenario", path)
    assert process.wait(20) == 2
    assert "wrong.toml: key meters.load_wats" in process.stderr.read()


def test_hdlc_behind_gateways_is_a_usage_error(start):
    process = start("--framing", "hdlc", "--gateways", 2, "--port", 0)
    assert process.wait(20) == 2
    assert "leave out --gateways" in process.stderr.read()


def test_a_file_that_can_not_be_written_ends_it(start, tmp_path):
    process = start("--meters", 1, "--port", 0, "--export-keys", tmp_path / "nowhere" / "keys.toml")
    assert process.wait(20) == 1
    assert "nowhere/keys.toml" in process.stderr.read()


@pytest.mark.parametrize(
    "arguments",
    [["--meters", "0"], ["--meters", "many"], ["--port", "70000"], ["--time-factor", "0"], ["--framing", "smoke"]],
)
def test_arguments_out_of_range_are_usage_errors(arguments):
    assert CliRunner().invoke(main, ["run", *arguments]).exit_code == 2


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_has_examples(arguments):
    shown = CliRunner().invoke(main, arguments)
    assert shown.exit_code == 0
    assert "simulator run --meters 20 --port 4059" in shown.output


def test_time_runs_as_fast_as_asked(start, tmp_path):
    path = tmp_path / "past.toml"
    path.write_text("[time]\nstart = 2026-03-10T00:00:00+05:30\nfactor = 2.0\n")
    process = start("--meters", 1, "--port", 0, "--control-port", 0, "--json", "--scenario", path, "--time-factor", 9e4)
    port = ready(process)["control"]
    first = order(port, op="meter", serial="10000001")["time"]
    assert first.startswith("2026-03-")
    while order(port, op="meter", serial="10000001")["time"][:10] == first[:10]:
        pass
