"""CSV files that spreadsheets open safely, streamed piece by piece."""

import csv
import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.http import StreamingHttpResponse

BOM = "\ufeff"
"""Excel reads a file without it in the machine's own encoding."""

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""What makes a spreadsheet calculate a text cell; the last four are their full-width forms.

Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

LINE_END = "\r\n"
_ROWS_PER_CHUNK = 200

Cell = str | int | Decimal | dt.datetime | None


class _Line:
    """The file of a csv.writer that keeps only the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def safe_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: an apostrophe goes before one."""
    return f"'{text}" if text.startswith(tuple(FORMULA_STARTS)) else text


def cell(value: Cell, *, zone: ZoneInfo) -> str:
    """Return a value as written: times in ISO 8601 with the zone's offset, numbers bare.

    Text is made safe; numbers cannot be formulas, so a negative amount keeps its plain hyphen.
    """
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone(zone).isoformat(timespec="seconds")
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value) if isinstance(value, int) else safe_cell(value)


def csv_chunks(
    header: Sequence[str], rows: Iterable[Sequence[Cell]], *, zone: ZoneInfo
) -> Iterator[str]:
    """Yield a CSV file with a byte order mark, some hundred rows at a time."""
    line = _Line()
    writer = csv.writer(line, lineterminator=LINE_END)
    writer.writerow([safe_cell(name) for name in header])
    chunk = [BOM, line.text]
    for row in rows:
        writer.writerow([cell(value, zone=zone) for value in row])
        chunk.append(line.text)
        if len(chunk) >= _ROWS_PER_CHUNK:
            yield "".join(chunk)
            chunk = []
    if chunk:
        yield "".join(chunk)


def csv_response(name: str, chunks: Iterable[str | bytes]) -> StreamingHttpResponse:
    """Answer with a CSV file to save as `name`; `chunks` are read while they are sent."""
    response = StreamingHttpResponse(chunks, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
