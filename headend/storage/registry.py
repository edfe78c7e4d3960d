"""What a utility brings in: meters and consumers, from files or one by one."""

import asyncio
from functools import partial
from pathlib import Path

from attrs import define

from headend.meters.inventory import Meter
from headend.session.ports import Now
from headend.storage.events import emit
from headend.storage.importaccounts import plan_consumers, write_consumers
from headend.storage.importconsumers import parse_consumers
from headend.storage.importing import ImportReport, Places, Progress, Steps, run_import, silent
from headend.storage.importmeters import check_meter, parse_meters, plan_meters, write_meters
from headend.storage.inventory import insert_meter
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.writer import Writer


@define(eq=False)
class Registry:
    """Imports. A file is looked at as a whole first: what is wrong raises ImportRefused with every problem."""

    _writer: Writer
    _readers: Readers
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
        steps = Steps(plan_meters, write_meters, partial(self._announce, "inventory.imported"))
        report = ImportReport(str(file), dry_run)
        return await run_import(Places(self._readers, self._writer), report, (meters, problems), steps, progress)

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
        steps = Steps(
            lambda connection, piece: plan_consumers(connection, piece, by_load),
            lambda connection, plan: write_consumers(connection, plan, self._now()),
            partial(self._announce, "consumers.imported"),
        )
        report = ImportReport(str(file), dry_run)
        return await run_import(Places(self._readers, self._writer), report, (consumers, problems), steps, progress)

    def _announce(self, kind: str, connection: Connection, report: ImportReport) -> None:
        if report.added or report.changed:
            emit(connection, self._now(), kind, payload={"added": report.added, "changed": report.changed})
