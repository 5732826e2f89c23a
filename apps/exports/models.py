"""Exports that run in the background, and their files."""

import datetime as dt
import uuid
from typing import Self
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant, User


class ExportQuerySet(models.QuerySet["Export"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def unfinished(self) -> Self:
        return self.filter(status__in=Export.UNFINISHED)

    def claimable(self, *, real_now: dt.datetime) -> Self:
        """Select what waits for a worker, or was left by one that died."""
        return self.filter(
            Q(status=Export.Status.QUEUED)
            | Q(status=Export.Status.RUNNING, lease_until__lt=real_now)
        )


class Export(models.Model):
    """One file asked for; the row is the queue, and its id cannot be guessed.

    Its rows are those of the list at one moment: a file is read under one snapshot. A run that is
    interrupted begins again from nothing, under a new `run`; only the run named here may write.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        CANCELED = "canceled", "Canceled"
        EXPIRED = "expired", "Expired"

    UNFINISHED = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="exports")
    user = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    asked_by = models.CharField(max_length=254)
    key = models.UUIDField(help_text="Of the dialog: a second click asks for nothing new.")

    source = models.CharField(max_length=32, help_text="Which list.")
    query = models.TextField(blank=True, help_text="The list's address, canonical.")
    filters = models.CharField(max_length=1000, blank=True, help_text="The filters in words.")
    columns = models.JSONField(help_text="Keys of the columns, in order.")
    zone = models.CharField(max_length=64)
    with_offset = models.BooleanField(default=True)
    file_name = models.CharField(max_length=200)
    link = models.CharField(max_length=500, help_text="Its page, for the mail.")

    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    rows_expected = models.PositiveIntegerField(help_text="As counted when it was asked for.")
    rows_done = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0, help_text="Of the file, uncompressed.")
    run = models.PositiveSmallIntegerField(default=0, help_text="How often it was begun.")
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="Real time; past it another worker begins again."
    )
    failure = models.CharField(max_length=300, blank=True)
    asked_at = models.DateTimeField(help_text="What “today” and “last 7 days” are counted from.")
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "key"], name="export_unique_key"),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running"], finished_at=None)
                | (~Q(status__in=["queued", "running"]) & Q(finished_at__isnull=False)),
                name="export_finished_at_iff_finished",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["ready", "expired"]) | Q(expires_at__isnull=False),
                name="export_ready_expires",
            ),
            models.CheckConstraint(
                condition=Q(status="failed") ^ Q(failure=""), name="export_failed_iff_failure"
            ),
            models.CheckConstraint(
                condition=~Q(status="running") | Q(lease_until__isnull=False),
                name="export_running_has_lease",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "-asked_at"], name="export_by_merchant"),
            models.Index(
                fields=["asked_at"],
                condition=Q(status__in=["queued", "running"]),
                name="export_unfinished",
            ),
            models.Index(
                fields=["expires_at"], condition=Q(status="ready"), name="export_to_expire"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.status}, {self.id})"

    @property
    def is_unfinished(self) -> bool:
        return self.status in self.UNFINISHED

    @property
    def percent(self) -> int:
        """How much is written; 100 only when all of it is."""
        if self.status == Export.Status.READY:
            return 100
        return min(99, self.rows_done * 100 // max(self.rows_expected, 1))

    @property
    def zone_info(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class ExportChunk(models.Model):
    """A piece of a file, compressed. Kept here, so that web and workers may be anywhere."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="chunks")
    number = models.PositiveIntegerField()
    body = models.BinaryField(help_text="zlib; UTF-8 inside.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["export", "number"], name="export_chunk_unique_number")
        ]

    def __str__(self) -> str:
        return f"Piece {self.number} of {self.export_id}"
