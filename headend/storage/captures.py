"""ShapeCache on SQLite: what meters capture is asked once per firmware, and not again after a restart."""

import hashlib
from typing import Any, Final

import msgspec
from attrs import define, field

from headend.dlms.cosem import CaptureObject, ScalerUnit
from headend.session.shapes import MemoryShapes, Shape, ShapeKey
from headend.storage.events import as_json
from headend.storage.inventory import meter_id
from headend.storage.readers import Readers
from headend.storage.sqlite import Connection
from headend.storage.writer import Writer

_CAPTURE: Final = (
    "SELECT c.capture FROM meter_captures c JOIN meters m ON m.id = c.meter"
    " WHERE m.serial = ? AND c.profile = ? AND c.firmware = ?"
)
_MOST_ROWS: Final = 4_096


@define(eq=False)
class Captures:
    """Shapes in memory first, then in the store; one a meter and profile, of its newest firmware."""

    _writer: Writer
    _readers: Readers
    _memory: MemoryShapes = field(factory=MemoryShapes)
    #: By their rows: a fleet has a few dozen, and reading one anew costs more than everything else here.
    _by_row: dict[int, Shape] = field(init=False, factory=dict)

    async def load(self, key: ShapeKey) -> Shape | None:
        """The shape kept under that key; None for another firmware."""
        found = await self._memory.load(key)
        if found is None:
            found = await self._readers.look(lambda connection: self._load(connection, key))
            if found is not None:
                await self._memory.save(key, found)
        return found

    async def save(self, key: ShapeKey, shape: Shape) -> None:
        """Keep a shape, in place of an older one."""
        await self._memory.save(key, shape)
        await self._writer.run(lambda connection: _save(connection, key, shape))

    def _load(self, connection: Connection, key: ShapeKey) -> Shape | None:
        row = connection.execute(_CAPTURE, (key.meter, key.profile, key.firmware)).fetchone()
        if row is None:
            return None
        found = self._by_row.get(row[0])
        if found is None:
            (body,) = connection.execute("SELECT body FROM captures WHERE id = ?", row).fetchone()
            if len(self._by_row) >= _MOST_ROWS:
                self._by_row.clear()
            found = self._by_row[row[0]] = _shape(body)
        return found


def _save(connection: Connection, key: ShapeKey, shape: Shape) -> None:
    body = _body(shape)
    digest = hashlib.sha256(body.encode()).digest()[:16]
    connection.execute("INSERT INTO captures (digest, body) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, body))
    (capture,) = connection.execute("SELECT id FROM captures WHERE digest = ?", (digest,)).fetchone()
    connection.execute(
        "INSERT INTO meter_captures (meter, profile, firmware, capture) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (meter, profile) DO UPDATE SET firmware = excluded.firmware, capture = excluded.capture",
        (meter_id(connection, key.meter), key.profile, key.firmware, capture),
    )


def _body(shape: Shape) -> str:
    return as_json(
        {
            "captured": [_listed(each) for each in shape.captured],
            "scalers": [[*_listed(each), scaler.scaler, scaler.unit] for each, scaler in shape.scalers],
            "period": shape.period,
        }
    )


def _listed(captured: CaptureObject) -> list[Any]:
    return [captured.class_id, str(captured.instance), captured.attribute, captured.data_index]


def _shape(body: str) -> Shape:
    kept = msgspec.json.decode(body)
    return Shape(
        tuple(CaptureObject(*each) for each in kept["captured"]),
        tuple((CaptureObject(*each[:4]), ScalerUnit(*each[4:])) for each in kept["scalers"]),
        kept["period"],
    )
