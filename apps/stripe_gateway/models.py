"""What the gateway keeps for itself: answers waiting for the mirror, names of products, errors.

None is a source of truth: all can be dropped and fill again.
"""

import datetime as dt
from typing import Self

from django.db import models


class MirrorBacklogQuerySet(models.QuerySet["MirrorBacklog"]):
    def ready(self, *, now: dt.datetime) -> Self:
        """Select answers to mirror; `now` is real time. Payers first, what points at them after."""
        return self.filter(not_before__lte=now).order_by("rank", "id")


class MirrorBacklog(models.Model):
    """The newest answer about one object that dj-stripe's tables do not have yet.

    One row per object: a newer read takes the place of an older one. Rows go when mirrored;
    `read_at` tells a worker whether the row is still the one it mirrored. What fails stays, with
    its error, and is tried again later.
    """

    stripe_account_id = models.CharField(max_length=255)
    livemode = models.BooleanField()
    is_connected = models.BooleanField()
    kind = models.CharField(max_length=32, help_text="Stripe's `object`.")
    stripe_id = models.CharField(max_length=255)
    rank = models.PositiveSmallIntegerField(help_text="Order of mirroring, by kind.")
    answer = models.JSONField(help_text="As read, without client secrets.")
    read_at = models.DateTimeField(help_text="Real time.")
    not_before = models.DateTimeField(help_text="Real time; moved on after a failure.")
    failures = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=1000, blank=True)

    objects = MirrorBacklogQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "mirror backlog"
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_account_id", "livemode", "stripe_id"], name="backlog_unique_object"
            )
        ]
        indexes = [models.Index(fields=["not_before"], name="backlog_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.stripe_id}"


class ProductName(models.Model):
    """What a product is called: invoices and subscriptions name it only by id."""

    stripe_account_id = models.CharField(max_length=255, blank=True)
    livemode = models.BooleanField()
    stripe_product_id = models.CharField(max_length=255)
    name = models.CharField(max_length=512, blank=True, help_text="Empty: could not be read.")
    read_at = models.DateTimeField(help_text="Real time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_account_id", "livemode", "stripe_product_id"],
                name="product_name_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name or '?'} ({self.stripe_product_id})"


class StripeErrorCount(models.Model):
    """How often a kind of error kept Stripe from doing what was asked, since the row was made.

    Refused payments are no errors. For the operator's figures: a count in one process's memory
    would be one of several.
    """

    kind = models.CharField(max_length=32, primary_key=True)
    count = models.BigIntegerField(default=0)
    last_at = models.DateTimeField(help_text="Real time.")

    def __str__(self) -> str:
        return f"{self.kind}: {self.count}"
