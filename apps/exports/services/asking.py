"""What people do with exports; each leaves an entry in the audit trail."""

import datetime as dt
import logging
import uuid
from dataclasses import dataclass

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.exports.models import Export, ExportChunk

logger = logging.getLogger(__name__)

RUNNING_LIMIT = 3
"""Unfinished exports a merchant may have at a time."""


class TooManyRunning(Exception):
    """The merchant has RUNNING_LIMIT unfinished exports; wait for one of them."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: which rows and columns, and how times are written."""

    source: str
    query: str
    filters: str
    columns: list[str]
    zone: str
    with_offset: bool
    file_name: str
    rows: int
    link: str = ""
    """The address of all exports; that of this one is below it."""


def ask_export(
    *, merchant: Merchant, user: User, key: uuid.UUID, wish: Wish, now: dt.datetime
) -> Export:
    """Queue an export and wake a worker; the same `key` again gives the same export.

    Raises:
        TooManyRunning: nothing was queued.
    """
    with transaction.atomic():
        _one_at_a_time(merchant)
        known = Export.objects.for_merchant(merchant).filter(key=key).first()
        if known:
            return known
        _check_room(merchant)
        export_id = uuid.uuid4()
        export = Export.objects.create(
            id=export_id,
            merchant=merchant,
            user=user,
            asked_by=user.email,
            key=key,
            source=wish.source,
            query=wish.query,
            filters=wish.filters[:1000],
            columns=wish.columns,
            zone=wish.zone,
            with_offset=wish.with_offset,
            file_name=wish.file_name,
            link=f"{wish.link}{export_id}/",
            rows_expected=wish.rows,
            asked_at=now,
        )
        _audit(export, user=user, action="export.asked", now=now)
        transaction.on_commit(wake)
    return export


def retry_export(*, export: Export, user: User, now: dt.datetime) -> bool:
    """Queue a failed or canceled export again; False where it is neither any more.

    Raises:
        TooManyRunning: nothing was queued.
    """
    with transaction.atomic():
        _one_at_a_time(export.merchant)
        _check_room(export.merchant)
        again = Export.objects.filter(
            pk=export.pk, status__in=(Export.Status.FAILED, Export.Status.CANCELED)
        ).update(
            status=Export.Status.QUEUED,
            run=0,
            rows_done=0,
            size_bytes=0,
            failure="",
            finished_at=None,
            mailed_at=None,
        )
        if again:
            _audit(export, user=user, action="export.retried", now=now)
            transaction.on_commit(wake)
    return bool(again)


def cancel_export(*, export: Export, user: User, now: dt.datetime) -> bool:
    """Stop an unfinished export; False if it is finished. Its worker stops at the next piece."""
    with transaction.atomic():
        stopped = (
            Export.objects.filter(pk=export.pk)
            .unfinished()
            .update(status=Export.Status.CANCELED, finished_at=now)
        )
        if stopped:
            ExportChunk.objects.filter(export=export).delete()
            _audit(export, user=user, action="export.canceled", now=now)
    return bool(stopped)


def delete_export(*, export: Export, user: User, now: dt.datetime) -> None:
    """Delete an export with its file; an unfinished one is stopped by that."""
    with transaction.atomic():
        _audit(export, user=user, action="export.deleted", now=now)
        export.delete()


def note_download(*, export: Export, user: User, now: dt.datetime) -> None:
    """Put on record that somebody took the file."""
    _audit(export, user=user, action="export.downloaded", now=now)


def note_streamed(*, merchant: Merchant, user: User, wish: Wish, now: dt.datetime) -> None:
    """Put on record that somebody took a file that was not kept."""
    record_audit(
        merchant=merchant,
        user=user,
        action="export.streamed",
        subject=wish.file_name,
        after={"rows": wish.rows, "filters": wish.filters},
        at=now,
    )


def wake() -> None:
    """Ask a worker to run what is queued; beat's sweep does it anyway a little later."""
    try:
        current_app.send_task("exports.run_all", retry=False)
    except (OperationalError, OSError):
        logger.warning("The broker is not reachable; the sweep will run the export.")


def _one_at_a_time(merchant: Merchant) -> None:
    """Let no other export of a merchant be asked for until the transaction ends."""
    # No key: rows that name the merchant may still be written meanwhile.
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)


def _check_room(merchant: Merchant) -> None:
    if Export.objects.for_merchant(merchant).unfinished().count() >= RUNNING_LIMIT:
        raise TooManyRunning


def _audit(export: Export, *, user: User, action: str, now: dt.datetime) -> None:
    record_audit(
        merchant=export.merchant,
        user=user,
        action=action,
        subject=export.file_name,
        after={"export": str(export.pk), "rows": export.rows_done or export.rows_expected},
        at=now,
    )
