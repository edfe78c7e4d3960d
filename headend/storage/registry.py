"""What a utility brings in: meters and consumers, from files or one by one."""

import asyncio
from pathlib import Path

from attrs import define

from headend.meters.inventory import Meter
from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.importconsumers import parse_consumers, write_consumers
from headend.storage.importing import ImportReport, Progress, run_import, silent
from headend.storage.importmeters import check_meter, parse_meters, write_meters
from headend.storage.inventory import insert_meter
from headend.storage.sqlite import Connection
from headend.storage.writer import Writer


@define(eq=False)
class Registry:
    """Imports. Each is one transaction: all of a file or, raising ImportRefused with every problem, nothing of it."""

    _writer: Writer
    _now: Now

    async def add_meter(self, meter: Meter, *, models: frozenset[str] | None = None) -> None:
        """Add one meter; raises ImportRefused for a malformed field, InventoryConflict for one that is taken."""
        check_meter(meter, models)

        def unit(connection: Connection) -> None:
            insert_meter(connection, meter)
            emit(connection, self._now(), "inventory.added", meter=meter.serial, consumer_no=meter.consumer_no)

        await self._writer.run(unit)

    async def import_meters(
        self, file: Path, *, dry_run: bool = False, models: frozenset[str] | None = None, progress: Progress = silent
    ) -> ImportReport:
        """Import an inventory CSV (columns: `importmeters.COLUMNS`); importing it again changes nothing.

        A meter model that is not in `models` (None: any may be named) is a problem of its line.
        """
        meters, problems = await asyncio.to_thread(parse_meters, file, models)
        report = ImportReport(str(file), dry_run)

        def write(connection: Connection) -> None:
            write_meters(connection, meters, problems, report, progress)
            self._announce(connection, "inventory.imported", report)

        return await run_import(self._writer, report, problems, write)

    async def import_consumers(
        self,
        file: Path,
        *,
        dry_run: bool = False,
        tariffs: frozenset[str] | None = None,
        progress: Progress = silent,
        by_load: frozenset[str] = frozenset(),
    ) -> ImportReport:
        """Import a consumers CSV (columns: `importconsumers.COLUMNS`), with opening balances; repeating it is safe.

        A tariff that is not in `tariffs` (None: any may be named) is a problem of its line, and so is a consumer
        without a sanctioned load whose tariff is in `by_load`.
        """
        consumers, problems = await asyncio.to_thread(parse_consumers, file, tariffs)
        report = ImportReport(str(file), dry_run)

        def write(connection: Connection) -> None:
            write_consumers(connection, consumers, problems, report, self._now(), progress, by_load)
            self._announce(connection, "consumers.imported", report)

        return await run_import(self._writer, report, problems, write)

    def _announce(self, connection: Connection, kind: str, report: ImportReport) -> None:
        if report.added or report.changed:
            emit(connection, self._now(), kind, payload={"added": report.added, "changed": report.changed})
