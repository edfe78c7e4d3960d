"""A whole installation for a test: simulator and head-end as processes of their own, files in one folder."""

import contextlib
import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from headend.cli import main
from headend.storage.postgres.connection import PostgresConnection

POLICY = """
name = "acceptance"
max_reading_age = "5m"
max_balance_age = "5m"
grace = "0s"
command_expiry = "30m"

[notice]
required = "none"

[calendar]
hours = []
days = []
second_saturdays = false

[caps]
per_hour = 1000
per_day = 1000
per_segment_hour = 1000
"""

CONFIGURATION = """
[store]
path = "headend.db"
{url}
[keys]
kek_file = "headend.kek"
[policy]
file = "policy.toml"
mode = "{mode}"
[collection]
visit_deadline_s = {deadline}
[web]
listen = "{web}"
[log]
format = "json"
"""

SCHEDULE = """
[[schedules]]
name = "poll"
every = "{every}"
tasks = ["clock", "relay", "registers", "balance"]
"""


class Answer:
    """What one command printed, and its exit code."""

    def __init__(self, exit_code, stdout, stderr):
        self.exit_code = exit_code
        self.stdout = stdout
        self.stderr = stderr

    @property
    def json(self):
        return json.loads(self.stdout)

    def __repr__(self):
        return f"exit {self.exit_code}\n{self.stdout}\n{self.stderr}"


@contextlib.contextmanager
def changed_environment(changes):
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Site:
    """Simulator, configuration, database and daemon of one test."""

    def __init__(self, folder: Path, url: str | None = None):
        self.folder = folder
        self.url = url
        self.config = folder / "headend.toml"
        self.database = folder / "headend.db"
        self.simulator = None
        self.daemon = None
        self.control_port = 0

    # Setting up

    def start_simulator(self, meters=1, scenario=None, seed=7, port=0, extra=()):
        command = [
            sys.executable,
            "-m",
            "simulator",
            "run",
            "--meters",
            str(meters),
            "--port",
            str(port),
            "--control-port",
            "0",
        ]
        command += ["--seed", str(seed), "--json", *extra]
        if scenario is not None:
            (self.folder / "scenario.toml").write_text(scenario)
            command += ["--scenario", str(self.folder / "scenario.toml")]
        for kind, suffix in (("inventory", "csv"), ("keys", "toml"), ("consumers", "csv")):
            command += [f"--export-{kind}", str(self.folder / f"{kind}.{suffix}")]
        self.simulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        ready = json.loads(self.simulator.stdout.readline())
        self.control_port = ready["control"]
        return ready

    def kill_simulator(self):
        """As a power cut: nothing is said to anybody."""
        self.simulator.kill()
        self.simulator.wait(10)
        self.simulator.stdout.close()

    def configure(self, *, mode="automatic", deadline=20.0, every=None, policy=POLICY, web="", extra=""):
        (self.folder / "policy.toml").write_text(policy)
        text = CONFIGURATION.format(mode=mode, deadline=deadline, web=web, url=self._url()) + extra
        # Without a schedule nothing is visited that a test did not ask for.
        if every is not None:
            text += SCHEDULE.format(every=every)
        elif "[[schedules]]" not in text:
            text = f"schedules = []\n{text}"
        self.config.write_text(text)

    def _url(self):
        return "" if self.url is None else f'url = "{self.url}"'

    def import_all(self):
        for command in (
            ("keys", "init"),
            ("meters", "import", self.folder / "inventory.csv"),
            ("consumers", "import", self.folder / "consumers.csv"),
            ("keys", "import", self.folder / "keys.toml"),
        ):
            answer = self.headend(*command)
            assert answer.exit_code == 0, answer

    # The head-end

    def headend(self, *arguments, **environment):
        """One command, in this process: what it imports is here already."""
        out, err, argv = io.StringIO(), io.StringIO(), sys.argv
        sys.argv = ["headend", *map(str, arguments)]
        with changed_environment({"HEADEND_CONFIG": str(self.config)} | environment):
            try:
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    main()
                code = 0
            except SystemExit as end:
                code = end.code or 0
            finally:
                sys.argv = argv
        return Answer(code, out.getvalue(), err.getvalue())

    def headend_process(self, *arguments, timeout=90, **environment):
        """One command as its users run it, in a process of its own."""
        command = [sys.executable, "-m", "headend", *map(str, arguments)]
        environment = os.environ | {"HEADEND_CONFIG": str(self.config)} | environment
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
        return Answer(done.returncode, done.stdout, done.stderr)

    def start_daemon(self, *arguments, crash_point=None, environment=None):
        environment = os.environ | {"HEADEND_CONFIG": str(self.config)} | (environment or {})
        if crash_point is not None:
            environment["HEADEND_CRASH_POINT"] = crash_point
        log = (self.folder / "daemon.log").open("a")
        self.daemon = subprocess.Popen(
            [sys.executable, "-m", "headend", "run", *arguments], env=environment, stdout=log, stderr=log
        )
        self.until(lambda: self._started() or self.daemon.poll() is not None, seconds=180)
        return self.daemon

    def _started(self):
        return any(line.get("event") == "started" and line.get("pid") == self.daemon.pid for line in self.daemon_log())

    def stop_daemon(self, number=signal.SIGTERM):
        self.daemon.send_signal(number)
        code = self.daemon.wait(30)
        self.daemon = None
        return code

    def daemon_log(self):
        lines = (self.folder / "daemon.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def port(self, key):
        """The port that the daemon listens on for a key of [listen]."""
        return self.until(lambda: [line[key] for line in self.daemon_log() if line.get("event") == "listening"])[-1]

    def events(self, kind=None):
        """What the database tells that happened, oldest first."""
        lines = self.headend("events", "--json", "--limit", 1000).stdout.splitlines()
        return [event for event in map(json.loads, lines) if kind in (None, event["kind"])]

    def stored(self, query):
        """What a query on the store's tables gives, past the head-end."""
        with self._connected("ro") as connection:
            return connection.execute(query).fetchall()

    def change(self, statement):
        """Change the store's tables, past the head-end."""
        with self._connected("rw") as connection:
            connection.execute(statement)

    @contextlib.contextmanager
    def _connected(self, mode):
        if self.url is None:
            with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode={mode}", uri=True)) as connection:
                yield connection
                connection.commit()
            return
        connection = PostgresConnection(self.url)
        connection.open()
        try:
            yield connection
        finally:
            connection.close()

    # The simulator's own word

    def ask(self, op, **fields):
        with socket.create_connection(("127.0.0.1", self.control_port), 10) as connection:
            connection.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        assert answer["ok"], answer
        return answer

    def edges(self, serial=None):
        return [edge["connected"] for edge in self.ask("edges", serial=serial)["edges"]]

    def relay(self, serial):
        return self.ask("meter", serial=serial)["output_state"]

    # Waiting for a state, never for a time

    def until(self, what, seconds=60, every=0.1):
        """The first true value of `what`; the deadline is a backstop for a test that can't pass any more."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            time.sleep(every)
        tail = (
            "\n".join(str(line)[:400] for line in self.daemon_log()[-15:])
            if (self.folder / "daemon.log").exists()
            else ""
        )
        raise AssertionError(f"it never came true; the daemon's last words:\n{tail}")

    def commands(self, **options):
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return self.headend("commands", "list", "--json", *arguments).json

    def close(self):
        for process in (self.daemon, self.simulator):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait(10)
        if self.simulator is not None:
            self.simulator.stdout.close()
