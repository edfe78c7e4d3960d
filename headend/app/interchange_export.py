"""What this house knows, as EndDeviceEvents and MeterReadings."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import uuid4

from attrs import define

from headend.app.wiring import Headend
from headend.interchange.cim.message import Event, Header, MeterValue, MeterValues
from headend.interchange.cim.names import OF_EVENT_ROWS, OF_METER_CODES, OF_STATUS, READING_TYPES
from headend.interchange.cim.writing import events_message, readings_message
from headend.meters.reading import ProfileRows, Reading
from headend.notify.model import EventRow
from headend.storage.errors import UnknownMeter

_LOGS: Final = ("events_power", "events_non_rollover")
_PAGE: Final = 1000


@define(eq=False)
class ExportDesk:
    """Makes messages for other systems; the same fact has the same mRID in each of them."""

    headend: Headend

    async def events(self, since: datetime, until: datetime, meter: str | None = None) -> bytes:
        """EndDeviceEvents with since <= time < until: relays, power, covers, of rows and meters' logs."""
        found = [event async for event in self._rows(since, until, meter)]
        for serial in await self._serials(meter):
            for log in _LOGS:
                for rows in await self.headend.store.fleet.rows(serial, log, since, until):
                    found += _of_log(serial, rows)
        found.sort(key=lambda event: (event.at, event.mrid))
        return events_message(self._header("EndDeviceEvents"), found)

    def event_rows(self, rows: Iterable[EventRow]) -> bytes | None:
        """EndDeviceEvents of event rows as they come, None where none of them is one."""
        found = [event for row in rows for event in _of_row(row)]
        return events_message(self._header("EndDeviceEvents"), found) if found else None

    async def readings(self, meter: str | None = None) -> bytes:
        """MeterReadings: the newest value of each register that has a reading type."""
        meters = [
            MeterValues(serial, values)
            for serial in await self._serials(meter)
            if (values := tuple(_values(await self.headend.store.fleet.latest(serial))))
        ]
        return readings_message(self._header("MeterReadings"), meters)

    async def history(self, meter: str, since: datetime, until: datetime) -> bytes:
        """MeterReadings of one meter with since <= time < until."""
        (serial,) = await self._serials(meter)
        fleet = self.headend.store.fleet
        values = [value for name in READING_TYPES for value in _values(await fleet.history(serial, name, since, until))]
        values.sort(key=lambda value: (value.at, value.reading_type))
        return readings_message(self._header("MeterReadings"), [MeterValues(serial, tuple(values))] if values else [])

    async def _rows(self, since: datetime, until: datetime, meter: str | None) -> AsyncIterator[Event]:
        number = 0
        while rows := await self.headend.store.events.events(number, _PAGE):
            number = rows[-1].number
            for row in rows:
                if since <= row.at < until and meter in (None, row.meter):
                    for event in _of_row(row):
                        yield event

    async def _serials(self, meter: str | None) -> list[str]:
        fleet = self.headend.store.fleet
        if meter is None:
            return [each.serial for each in await fleet.meters()]
        if await fleet.meter(meter) is None:
            raise UnknownMeter(meter)
        return [meter]

    def _header(self, noun: str) -> Header:
        message_id, source = str(uuid4()), self.headend.setup.settings.document.cim.source
        return Header("created", noun, self.headend.clock.now(), source, message_id, message_id)


def _of_row(row: EventRow) -> Iterator[Event]:
    if row.meter is None:
        return
    kind = OF_EVENT_ROWS.get(row.kind)
    if kind is not None:
        yield Event(f"event-{row.number}", row.meter, row.at, kind)
    elif row.kind == "push.alert":
        for name in json.loads(row.payload).get("alerts", []):
            if name in OF_STATUS:
                yield Event(
                    f"event-{row.number}-{OF_STATUS[name].name.lower()}", row.meter, row.at, OF_STATUS[name], name
                )


def _of_log(serial: str, rows: ProfileRows) -> Iterator[Event]:
    at = next((index for index, column in enumerate(rows.columns) if column.name == "event"), None)
    if at is None:
        return
    for row in rows.rows:
        code = row.values[at]
        if isinstance(code, int) and code in OF_METER_CODES:
            yield Event(
                f"log-{serial}-{row.time:%Y%m%dT%H%M%S}-{code}", serial, row.time, OF_METER_CODES[code], f"code {code}"
            )


def _values(readings: Iterable[Reading]) -> Iterator[MeterValue]:
    for reading in readings:
        kind = READING_TYPES.get(reading.name)
        if kind is not None and isinstance(reading.value, Decimal):
            yield MeterValue(kind, reading.meter_time or reading.received, f"{reading.value:f}")
