"""Writes the files: constant memory, one snapshot, and never half a file called ready."""

import datetime as dt
import logging
import uuid
import zlib
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from apps.exports.cells import Column, Style, line
from apps.exports.files import SOURCES
from apps.exports.models import Export, ExportChunk
from apps.web.csv import LINE_END, csv_chunks
from apps.web.formats import zone_place

logger = logging.getLogger(__name__)

ROWS_PER_CHUNK = 2_000
LEASE = dt.timedelta(minutes=5)
"""Longer than the longest wait for the first row; every piece renews it."""

RUNS = 3
"""How often an interrupted export is begun before it counts as failed."""

KEPT_FOR = dt.timedelta(days=7)
FORGOTTEN_AFTER = dt.timedelta(days=30)


class _NotOurs(Exception):
    """Somebody canceled or deleted the export, or another run took it over."""


def line_chunks(
    rows: QuerySet[Any], columns: Sequence[Column], style: Style
) -> Iterator[tuple[str, int]]:
    """Yield pieces of a file's lines, and how many rows each holds.

    One statement reads them all, so that every row is of the same moment. The database keeps the
    result and hands it over piece by piece (a cursor WITH HOLD where no transaction is open).

    Source: https://www.postgresql.org/docs/current/sql-declare.html
    """
    lines = rows.values_list(line(columns, style), flat=True).iterator(chunk_size=ROWS_PER_CHUNK)
    while batch := list(islice(lines, ROWS_PER_CHUNK)):
        yield LINE_END.join(batch) + LINE_END, len(batch)


def file_head(columns: Sequence[Column], style: Style) -> str:
    """Give the byte order mark and the names of the columns; a time without offset tells its zone."""
    place = zone_place(style.zone)
    names = [
        f"{column.label} ({place})" if column.is_time and not style.with_offset else column.label
        for column in columns
    ]
    return "".join(csv_chunks([str(name) for name in names], (), zone=style.zone))


def claimable_exports(*, real_now: dt.datetime) -> list[uuid.UUID]:
    """Return the ids of exports that wait for a worker, oldest first."""
    rows = Export.objects.claimable(real_now=real_now).order_by("asked_at")
    return list(rows.values_list("pk", flat=True))


def run_export(*, export_id: uuid.UUID, now: dt.datetime) -> None:
    """Write one export's file, unless another worker is at it.

    Safe to kill at any moment: the next run begins again, and after RUNS of them it has failed.
    """
    export = _claim(export_id, now=now)
    if export is None:
        return
    try:
        _write(export)
        _finish(export, now=now)
    except _NotOurs:
        # Pieces of a run that lost its row went with the claim, the cancel or the delete.
        logger.info("Export %s was taken from this run.", export.pk)
    except Exception:
        logger.exception("Export %s was interrupted.", export.pk)
        _give_back(export, now=now)


def expire_exports(*, now: dt.datetime) -> int:
    """Delete files past their time; forget exports long past it. Return how many files went."""
    with transaction.atomic():
        old = list(
            Export.objects.select_for_update(skip_locked=True)
            .filter(status=Export.Status.READY, expires_at__lte=now)
            .values_list("pk", flat=True)
        )
        ExportChunk.objects.filter(export__in=old).delete()
        Export.objects.filter(pk__in=old).update(status=Export.Status.EXPIRED)
    Export.objects.filter(finished_at__lte=now - FORGOTTEN_AFTER).delete()
    return len(old)


def _claim(export_id: uuid.UUID, *, now: dt.datetime) -> Export | None:
    """Take an export for a new run and clear away what an earlier one left; None: not free."""
    real_now = timezone.now()
    with transaction.atomic():
        free = Export.objects.claimable(real_now=real_now).select_for_update(
            skip_locked=True, of=("self",)
        )
        export = free.select_related("merchant").filter(pk=export_id).first()
        if export is None:
            return None
        if export.run >= RUNS:
            _fail(export, now=now)
            return None
        export.status, export.run = Export.Status.RUNNING, export.run + 1
        export.rows_done = export.size_bytes = 0
        export.started_at, export.lease_until = now, real_now + LEASE
        export.save()
        ExportChunk.objects.filter(export=export).delete()
    return export


def _write(export: Export) -> None:
    """Store the file piece by piece, each with the progress it makes."""
    source = SOURCES[export.source]
    selection = source.select(merchant=export.merchant, query=export.query, now=export.asked_at)
    columns = source.chosen(export.columns)
    style = Style(export.zone_info, with_offset=export.with_offset)
    _keep(export, number=0, body=file_head(columns, style), rows=0)
    for number, (body, rows) in enumerate(line_chunks(selection.rows, columns, style), start=1):
        _keep(export, number=number, body=body, rows=rows)


def _keep(export: Export, *, number: int, body: str, rows: int) -> None:
    data = body.encode()
    with transaction.atomic():
        _change(
            export,
            rows_done=F("rows_done") + rows,
            size_bytes=F("size_bytes") + len(data),
            lease_until=timezone.now() + LEASE,
        )
        ExportChunk.objects.create(export=export, number=number, body=zlib.compress(data, 1))


def _finish(export: Export, *, now: dt.datetime) -> None:
    with transaction.atomic():
        _change(
            export,
            status=Export.Status.READY,
            finished_at=now,
            expires_at=now + KEPT_FOR,
            lease_until=None,
        )


def _change(export: Export, **values: object) -> None:
    """Change the row if it is still this run's, and hold it until the transaction ends."""
    ours = Export.objects.filter(pk=export.pk, status=Export.Status.RUNNING, run=export.run)
    if not ours.update(**values):
        raise _NotOurs


def _give_back(export: Export, *, now: dt.datetime) -> None:
    """Queue an interrupted export again, or call it failed after its last run."""
    with transaction.atomic():
        row = (
            Export.objects.select_for_update()
            .filter(pk=export.pk, status=Export.Status.RUNNING, run=export.run)
            .first()
        )
        if row is None:
            return
        if row.run >= RUNS:
            _fail(row, now=now)
        else:
            Export.objects.filter(pk=row.pk).update(status=Export.Status.QUEUED, lease_until=None)


def _fail(export: Export, *, now: dt.datetime) -> None:
    export.status, export.finished_at, export.lease_until = Export.Status.FAILED, now, None
    export.failure = gettext("The export stopped at row %(row)s.") % {
        "row": f"{export.rows_done:,}"
    }
    export.save()
    ExportChunk.objects.filter(export=export).delete()
