"""The embedded store: one SQLite file, one writer thread, a few readers, and a part for each port."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Self

from attrs import define, field

from headend.prepaid.caps import Caps
from headend.session.ports import Now
from headend.storage.accounts import Accounts
from headend.storage.audit import Audit
from headend.storage.backups import back_up, is_restored, recognise_restore
from headend.storage.board import Board
from headend.storage.books import Books
from headend.storage.captures import Captures
from headend.storage.checking import CheckReport, check
from headend.storage.console import ConsoleParts
from headend.storage.consolelists import CONSOLE_LISTS
from headend.storage.counters import AHEAD, Counters
from headend.storage.coverage import Completeness
from headend.storage.deliveries import Deliveries
from headend.storage.errors import StorageError
from headend.storage.events import Events
from headend.storage.exports import Exports
from headend.storage.fleet import Fleet
from headend.storage.inbox import Inbox
from headend.storage.interchange import Exchanges
from headend.storage.journal import SqliteJournal
from headend.storage.kek import KEK_CHECK, Kek, KekError
from headend.storage.keys import Keys
from headend.storage.listings import Listings
from headend.storage.lists import LISTS
from headend.storage.meterevents import MeterEvents
from headend.storage.migrations import migrate
from headend.storage.moved import refuse_moved
from headend.storage.numbers import Numbers
from headend.storage.officers import Officers
from headend.storage.portal import PortalParts
from headend.storage.proposals import Proposals
from headend.storage.readers import Readers
from headend.storage.registry import Registry
from headend.storage.requests import abandon_taken
from headend.storage.retention import Retention
from headend.storage.sqlite import Connection, SqliteError, connect_writer, translate
from headend.storage.status import StatusBoard
from headend.storage.steering import Steering
from headend.storage.sweeping import Sweeps
from headend.storage.switches import Switches, set_armed
from headend.storage.today import Todays
from headend.storage.tokens import Tokens
from headend.storage.topups import SqliteTopUps
from headend.storage.unreachable import Contacts
from headend.storage.websessions import WebSessions
from headend.storage.workers import Workers, guard
from headend.storage.workitems import WorkItems
from headend.storage.writer import Writer


@define(eq=False)
class Store:
    """Everything that is kept, by port.

    `fleet` is the FleetStore, `journal` the Journal, `counters` the CounterStore, `keys` the KeyRing; beside them
    `accounts` (ledger, recharge, notices, decisions), `books` (money moved by people), `proposals` (cuts that wait for
    an officer), `work` (what people have to do), `registry` (imports), `events` (outbox), `switches` and `board` (the
    fleet for screens), `status` (how daemon and house stand), `completeness` (of a day),
    `exports` (tables for files), `retention` (of readings), `workers` (the processes that visit).
    `restored_from` is when the backup was taken that this database was just restored from, None for any other start.
    """

    path: Path
    fleet: Fleet
    journal: SqliteJournal
    counters: Counters
    keys: Keys
    accounts: Accounts
    books: Books
    proposals: Proposals
    topups: SqliteTopUps
    exchanges: Exchanges
    work: WorkItems
    deliveries: Deliveries
    inbox: Inbox
    contacts: Contacts
    numbers: Numbers
    registry: Registry
    events: Events
    switches: Switches
    board: Board
    steering: Steering
    captures: Captures
    meter_events: MeterEvents
    status: StatusBoard
    completeness: Completeness
    exports: Exports
    retention: Retention
    officers: Officers
    web_sessions: WebSessions
    portal: PortalParts
    console: ConsoleParts
    audit: Audit
    listings: Listings
    todays: Todays
    tokens: Tokens
    workers: Workers
    sweeps: Sweeps
    restored_from: datetime | None
    url: str | None = field(repr=False)
    _writer: Writer
    _readers: Readers
    _now: Now

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        kek: Kek | None,
        now: Now,
        caps: Caps | None = None,
        armed: bool | None = None,
        url: str | None = None,
        token: int | None = None,
    ) -> Self:
        """Open or create the database. `armed` is given by a daemon that starts: only True lets the policy cut.

        With `url` it is on PostgreSQL, and `path` only stands for it in messages and locks.

        A command that runs beside a daemon leaves `armed` out and changes nothing. A worker of a daemon, too, which
        has a `token`: once that has ended, nothing more is written. Raises StorageError, and KekError
        for a key-encryption key other than the one the database was made with.
        """
        writer, readers = await asyncio.to_thread(_started, path, url)
        restored_from = None
        try:
            # A command that only looks must not wait for a long transaction of somebody else.
            if armed is not None or not await readers.run(lambda connection: _is_prepared(connection, path, kek)):
                restored_from = await writer.run(lambda connection: _prepare(connection, path, kek, now(), armed))
        except BaseException:
            await readers.close()
            await writer.close()
            raise
        if token is not None:
            writer.work_under(token, guard)
        bounds = caps if caps is not None else Caps()
        return cls(
            path=path,
            fleet=Fleet(writer, readers, now, bounds),
            journal=SqliteJournal(writer, readers, bounds),
            counters=Counters(writer, readers, AHEAD if armed is not None or token is not None else 1),
            keys=Keys(writer, readers, kek, now),
            accounts=Accounts(writer, readers, now, bounds),
            books=Books(writer, readers, now, bounds),
            proposals=Proposals(writer, now, bounds),
            topups=SqliteTopUps(writer, readers, now),
            exchanges=Exchanges(writer, readers, bounds),
            work=WorkItems(writer, readers, now),
            deliveries=Deliveries(writer, readers, now),
            inbox=Inbox(writer, readers, now),
            contacts=Contacts(writer, readers, now),
            numbers=Numbers(writer, readers, now),
            sweeps=Sweeps(writer, readers, now, bounds),
            registry=Registry(writer, readers, now),
            events=Events(writer, readers),
            switches=Switches(writer, readers, now),
            board=Board(readers),
            steering=Steering(writer, readers, now),
            captures=Captures(writer, readers),
            meter_events=MeterEvents(readers),
            status=StatusBoard(path, writer, readers, now),
            completeness=Completeness(readers, now),
            exports=Exports(readers),
            retention=Retention(writer, readers, now),
            officers=Officers(writer, readers, now),
            web_sessions=WebSessions(writer, readers, now),
            portal=PortalParts.on(writer, readers, now),
            console=ConsoleParts.on(writer, readers, kek, now),
            audit=Audit(readers),
            listings=Listings(readers, {**LISTS, **CONSOLE_LISTS}),
            todays=Todays(readers, now),
            tokens=Tokens(writer, readers, now),
            workers=Workers(writer, readers, now),
            restored_from=restored_from,
            url=url,
            writer=writer,
            readers=readers,
            now=now,
        )

    @property
    def stopped(self) -> StorageError | None:
        """Why nothing more is written until a fresh start (safety rule 14); None while all is well."""
        return self._writer.stopped

    async def close(self) -> None:
        """Commit what is queued and close; calling it again does nothing."""
        await self._readers.close()
        await self._writer.close()

    async def check(self) -> CheckReport:
        """Prove the database whole, or say what is not."""
        return await self._readers.run(lambda connection: check(connection, of_the_file=self.url is None))

    async def backup(self, target: Path) -> None:
        """Copy the database to a new file while everything runs; it holds no key that can be used without the KEK."""
        if self.url is not None:
            raise StorageError("a store on PostgreSQL is backed up by its own tools; see pg_dump and pg_basebackup")
        await asyncio.to_thread(back_up, self.path, target, self._now())


def _started(path: Path, url: str | None) -> tuple[Writer, Readers]:
    if url is None:
        return _start_writer(path), Readers(path)
    from headend.storage.postgres.running import PostgresReaders, start_writer  # noqa: PLC0415  an extra

    return start_writer(url, path), PostgresReaders(path, url=url)


def _start_writer(path: Path) -> Writer:
    try:
        database = connect_writer(path)
        try:
            migrate(database, path)
            refuse_moved(database.conn, path)
            writer = Writer(database, path)
            writer.start()
        except BaseException:
            database.close()
            raise
    except SqliteError as error:
        raise translate(error, path) from error
    return writer


def _is_prepared(connection: Connection, path: Path, kek: Kek | None) -> bool:
    return not is_restored(connection) and (kek is None or _knows_kek(connection, path, kek))


def _prepare(
    connection: Connection,
    path: Path,
    kek: Kek | None,
    now: datetime,
    armed: bool | None,  # noqa: FBT001  None differs
) -> datetime | None:
    if kek is not None and not _knows_kek(connection, path, kek):
        connection.execute("INSERT INTO meta (name, value) VALUES (?, ?)", (KEK_CHECK, kek.check_value()))
    restored_from = recognise_restore(connection, now)
    if armed is not None:
        set_armed(connection, now, on=armed and restored_from is None, by="start")
        abandon_taken(connection)
    return restored_from


def _knows_kek(connection: Connection, path: Path, kek: Kek) -> bool:
    """Whether the database was made with this key, False when it has seen none yet; raises KekError for another."""
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (KEK_CHECK,)).fetchone()
    if row is not None and row[0] != kek.check_value():
        raise KekError(f"{path}: the key from {kek.source} is not the one that wraps this database's keys")
    return row is not None
