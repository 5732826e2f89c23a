"""Signs of life of the processes that work without anybody watching; what somebody looked at."""

import datetime as dt
from typing import Self

from django.db import models

from apps.accounts.models import Merchant

# How often a living process says so, and how long that is believed.
HEARTBEAT_SECONDS = 5
HEARTBEAT_FRESH = dt.timedelta(seconds=30)


class Heartbeat(models.Model):
    """When a kind of process last said that it lives, in real time."""

    name = models.CharField(max_length=32, primary_key=True, help_text="worker or beat")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"


class InvariantCheck(models.Model):
    """How often one of the rules that must never break was broken when it was last asked."""

    name = models.CharField(max_length=64, primary_key=True)
    rule = models.CharField(max_length=8, help_text="Its number in the simulation.")
    words = models.CharField(max_length=200, help_text="What must hold.")
    broken = models.PositiveIntegerField(help_text="How many rows break it; 0 is well.")
    examples = models.JSONField(default=list, help_text="Stripe ids of some of them.")
    checked_at = models.DateTimeField(help_text="Real time.")
    broken_since = models.DateTimeField(
        null=True, blank=True, help_text="Real time of the first asking that found it broken."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return f"{self.name}: {self.broken}"


class SetupNoteQuerySet(models.QuerySet["SetupNote"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class SetupNote(models.Model):
    """Somebody of a merchant says that a point of the set-up is done, or not wanted."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="setup_notes")
    key = models.CharField(max_length=32, help_text="Of dunning.setup, or “import”.")
    said_by = models.CharField(max_length=254)
    said_at = models.DateTimeField()

    objects = SetupNoteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "key"], name="setup_note_unique_key")
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.merchant}"
