"""Tables as files: CSV, XLSX and Parquet, written page by page and put in place when they are whole."""

import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from headend.errors import HeadendError
from headend.storage.exports import Cell, Heading, Kind

if TYPE_CHECKING:
    from types import TracebackType

#: Rows of a sheet, the header among them; the rest goes to further sheets (Excel's specification).
SHEET_ROWS: Final = 1_048_576
#: Characters of a cell, and the number of digits that a spreadsheet keeps.
_CELL: Final = 32_767
_DIGITS: Final = 15


class ExportFailed(HeadendError):  # noqa: N818  the name says what happened
    """The file could not be written; nothing is left of it."""


class Sheet(Protocol):
    """A file that takes rows."""

    def write(self, rows: Sequence[tuple[Cell, ...]]) -> None:
        """Add rows."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None: ...


@contextmanager
def whole_file(target: Path, *, replace: bool) -> Iterator[Path]:
    """A file to write beside `target`, which takes its place at the end of the block or leaves nothing behind."""
    if target.exists() and not replace:
        raise ExportFailed(f"{target}: there is a file already; choose another name, or add --replace")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        # Names and numbers of consumers are for the owner alone.
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    except OSError as error:
        raise ExportFailed(f"{target}: can't be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def sheet(form: str, file: Path, headings: Sequence[Heading]) -> Sheet:
    """A file of the form `csv`, `xlsx` or `parquet`. Raises ExportFailed where Parquet is not installed."""
    match form:
        case "xlsx":
            return XlsxSheet(file, headings)
        case "parquet":
            return ParquetSheet(file, headings)
        case _:
            return CsvSheet(file, headings)


class CsvSheet:
    """CSV in UTF-8 with CRLF; times as ISO 8601 in UTC; no cell that a spreadsheet takes for a formula."""

    def __init__(self, file: Path, headings: Sequence[Heading]) -> None:
        # What is known before a row is written is told before.
        from headend.web.csvtext import harmless

        self._harmless = harmless
        self._stream = file.open("w", encoding="utf-8-sig", newline="")
        self._rows = csv.writer(self._stream)
        self._rows.writerow([harmless(each.name) for each in headings])

    def write(self, rows: Sequence[tuple[Cell, ...]]) -> None:
        """Add rows."""
        self._rows.writerows([[self._shown(cell) for cell in row] for row in rows])

    def _shown(self, cell: Cell) -> object:
        return cell.isoformat() if isinstance(cell, datetime) else self._harmless(cell)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._stream.close()


class XlsxSheet:
    """A workbook that is written row by row; times are cells of date and time in UTC, as its header says."""

    def __init__(self, file: Path, headings: Sequence[Heading]) -> None:
        # No type information is published for it.
        self._book: Any = import_module("xlsxwriter").Workbook(
            str(file),
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "strings_to_numbers": False,
            },
        )
        self._time = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._bold = self._book.add_format({"bold": True})
        self._headings = headings
        self._sheet: Any = None
        self._row = SHEET_ROWS
        self._begin()

    def write(self, rows: Sequence[tuple[Cell, ...]]) -> None:
        """Add rows, on a new sheet where one is full."""
        for row in rows:
            if self._row >= SHEET_ROWS:
                self._begin()
            for column, cell in enumerate(row):
                self._cell(column, cell)
            self._row += 1

    def _begin(self) -> None:
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        for column, heading in enumerate(self._headings):
            name = f"{heading.name} (UTC)" if heading.kind is Kind.TIME else heading.name
            self._sheet.set_column(column, column, 20 if heading.kind is Kind.TIME else 14)
            self._sheet.write_string(0, column, name, self._bold)
        self._row = 1

    def _cell(self, column: int, cell: Cell) -> None:
        match cell:
            case None:
                return
            case datetime():
                self._sheet.write_datetime(self._row, column, cell.astimezone(UTC).replace(tzinfo=None), self._time)
            case int() | Decimal() if len(f"{abs(cell):f}".replace(".", "").strip("0")) <= _DIGITS:
                self._sheet.write_number(self._row, column, cell)
            case int() | Decimal():
                self._sheet.write_string(self._row, column, f"{cell:f}" if isinstance(cell, Decimal) else str(cell))
            case _:
                self._sheet.write_string(self._row, column, cell[:_CELL])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._book.close()


class ParquetSheet:
    """Parquet with zstd; numbers as 64-bit floats, times in UTC to the microsecond."""

    def __init__(self, file: Path, headings: Sequence[Heading]) -> None:
        try:
            pyarrow: Any = import_module("pyarrow")
            parquet: Any = import_module("pyarrow.parquet")
        except ImportError as error:
            raise ExportFailed(
                "Parquet needs pyarrow, which is not installed; add the extra: pip install 'headend[parquet]'"
            ) from error
        self._arrow = pyarrow
        kinds = {
            Kind.TEXT: pyarrow.string(),
            Kind.NUMBER: pyarrow.float64(),
            Kind.WHOLE: pyarrow.int64(),
            Kind.TIME: pyarrow.timestamp("us", tz="UTC"),
        }
        self._headings = headings
        self._schema = pyarrow.schema([(each.name, kinds[each.kind]) for each in headings])
        self._writer: Any = parquet.ParquetWriter(str(file), self._schema, compression="zstd")

    def write(self, rows: Sequence[tuple[Cell, ...]]) -> None:
        """Add rows as a row group."""
        if not rows:
            return
        columns = [
            self._arrow.array([_fitting(cell, heading) for cell in cells], type=field.type)
            for cells, heading, field in zip(zip(*rows, strict=True), self._headings, self._schema, strict=True)
        ]
        self._writer.write_batch(self._arrow.RecordBatch.from_arrays(columns, schema=self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: "TracebackType | None"
    ) -> None:
        self._writer.close()


def _fitting(cell: Cell, heading: Heading) -> object:
    """The cell as the type of its column has it; raises ExportFailed for a text among numbers."""
    match cell:
        case None:
            return None
        case str() if heading.kind is Kind.NUMBER:
            raise ExportFailed(f"column {heading.name!r} holds texts among numbers; export it as CSV or XLSX")
        case int() | Decimal() if heading.kind is Kind.NUMBER:
            return float(cell)
        case Decimal():
            return f"{cell:f}"
        case _:
            return str(cell) if heading.kind is Kind.TEXT else cell
