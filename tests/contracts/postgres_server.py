"""A PostgreSQL server of the tests' own: Debian's package, as an unprivileged user, in a temporary folder."""

import asyncio
import hashlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import asyncpg

from headend.storage.postgres.connection import PostgresConnection
from headend.storage.postgres.migrating import migrate

TEMPLATE = "prepared"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
HOW_TO_INSTALL = "PostgreSQL is missing; install it with: apt-get install postgresql"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(url):
    connection = PostgresConnection(url)
    migrate(connection)
    connection.close()


class Server:
    """One cluster; `database(name)` gives the URL of a fresh database."""

    def __init__(self):
        assert PROGRAMS, HOW_TO_INSTALL
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
        self.port = free_port()
        self._made = set()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody", "nogroup")
        self._program("initdb", "-D", self.folder / "data", "-U", "headend", "-A", "trust", "-E", "UTF8", "--no-sync")
        with (self.folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
            settings.write("max_connections = 200\nfsync = off\nshared_buffers = 64MB\n")
        self.start()

    def start(self):
        self._program("pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "start")

    def stop(self, mode="immediate"):
        self._program("pg_ctl", "-D", self.folder / "data", "-m", mode, "-w", "stop")

    def close(self):
        self.stop()
        shutil.rmtree(self.folder)

    async def database(self, key):
        """The URL of the database that belongs to `key`, made when it is first asked for."""
        name = f"t{hashlib.sha256(str(key).encode()).hexdigest()[:20]}"
        if name not in self._made:
            self._made.add(name)
            await self._make(name, template=await self._template())
        return self.url(name)

    async def _template(self):
        """A database with the whole schema, made once: a copy is there at once."""
        if TEMPLATE not in self._made:
            self._made.add(TEMPLATE)
            await self._make(TEMPLATE, template="template0")
            await asyncio.to_thread(prepare, self.url(TEMPLATE))
        return TEMPLATE

    async def _make(self, name, template):
        session = await asyncpg.connect(self.url("postgres"))
        await session.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await session.close()

    def url(self, database):
        return f"postgresql://headend@127.0.0.1:{self.port}/{database}"

    def _program(self, name, *arguments):
        command = [str(PROGRAMS[-1] / name), *map(str, arguments)]
        user = {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid} if os.geteuid() == 0 else {}
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **user)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
