"""CSV that no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from headend.web.look import visible

#: A cell that begins so is a formula to a spreadsheet; an apostrophe before it makes it text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
#: Tells spreadsheets that Hindi follows.
_BOM: Final = "\ufeff"


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """The rows as CSV; texts can neither begin a formula nor turn a line round, numbers stay numbers."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
    return _BOM + out.getvalue()


def harmless(cell: Any) -> Any:  # noqa: ANN401  any value of a list
    """One cell: a number as it is, a text without what a spreadsheet would carry out."""
    if cell is None:
        return ""
    if isinstance(cell, int | float | Decimal):
        return f"{cell:f}" if isinstance(cell, Decimal) else cell
    text = visible(cell)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
