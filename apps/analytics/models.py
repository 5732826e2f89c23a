"""Daily figures: counted from cases, tries and payments, and thrown away and counted again at will.

A day is the merchant's own, in their time zone. What changed marks its days; a marked day is
counted anew as a whole, so that what an event costs does not grow with history, and counting
everything again gives the same rows.
"""

from typing import Self, cast

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant
from apps.dunning.metrics.alerts import TITLES, AlertKind, Thresholds


class DayFiguresQuerySet(models.QuerySet["DayFigures"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class DayFigures(models.Model):
    """One day of one currency and offer. Amounts in the smallest unit of the currency.

    First tries are those of recurring payments charged that day. Cases are those that failed that
    day, whatever became of them since; `came_back` are cases paid that day, whenever they failed.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    currency = models.CharField(max_length=3)
    offer_name = models.CharField(max_length=512, blank=True)

    first_tries = models.PositiveIntegerField(default=0)
    first_tries_minor = models.BigIntegerField(default=0)
    first_failed = models.PositiveIntegerField(default=0)
    first_failed_minor = models.BigIntegerField(default=0)

    recovered = models.PositiveIntegerField(default=0)
    recovered_minor = models.BigIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0)
    lost_minor = models.BigIntegerField(default=0)
    stopped = models.PositiveIntegerField(default=0)
    stopped_minor = models.BigIntegerField(default=0)
    open = models.PositiveIntegerField(default=0)
    open_minor = models.BigIntegerField(default=0)
    recovered_hours = ArrayField(
        models.PositiveIntegerField(),
        default=list,
        help_text="Hours from failure to payment of each recovered case, ascending.",
    )

    came_back = models.PositiveIntegerField(default=0)
    came_back_minor = models.BigIntegerField(default=0)
    ended = models.PositiveIntegerField(default=0, help_text="Subscriptions that ended.")
    ended_unpaid = models.PositiveIntegerField(default=0, help_text="Of those, for non-payment.")

    objects = DayFiguresQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "day figures"
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "day", "currency", "offer_name"], name="day_figures_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.currency} {self.offer_name}"


class DayBreakdownQuerySet(models.QuerySet["DayBreakdown"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class DayBreakdown(models.Model):
    """One day of one currency and offer, by one value of one dimension.

    Cases count on the day they failed, retries on the day they ran: `tries` are retries that
    reached a bank, `tries_paid` those that were paid.
    """

    class Dimension(models.TextChoices):
        REASON = "reason", "Decline code of the first failure"
        CAUSE = "cause", "What brought the payment back"
        NUMBER = "number", "Number of the retry"
        SLOT = "slot", "Weekday (Monday 0) and hour of the retry, as “2 14”"
        NETWORK = "network", "Card network"
        COUNTRY = "country", "Customer's country"
        ISSUER = "issuer", "Card network and country of the bank, as “visa BR”"
        METHOD = "method", "Payment method type"
        STRATEGY = "strategy", "Strategy of the case"
        SEGMENT = "segment", "Rules of the case, by name"

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    currency = models.CharField(max_length=3)
    offer_name = models.CharField(max_length=512, blank=True)
    dimension = models.CharField(max_length=16, choices=Dimension)
    key = models.CharField(max_length=128, blank=True)

    recovered = models.PositiveIntegerField(default=0)
    recovered_minor = models.BigIntegerField(default=0)
    lost = models.PositiveIntegerField(default=0)
    lost_minor = models.BigIntegerField(default=0)
    stopped = models.PositiveIntegerField(default=0)
    stopped_minor = models.BigIntegerField(default=0)
    open = models.PositiveIntegerField(default=0)
    open_minor = models.BigIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    tries_paid = models.PositiveIntegerField(default=0)

    objects = DayBreakdownQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "day breakdowns"
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "day", "currency", "offer_name", "dimension", "key"],
                name="day_breakdown_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.currency} {self.dimension}={self.key}"


class DayToCount(models.Model):
    """A day whose figures are to be counted anew. Marking a day twice is marking it once."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    marked_at = models.DateTimeField(help_text="Real time of the newest mark.")
    mark = models.UUIDField(help_text="Another with every mark, so that none is missed.")

    class Meta:
        verbose_name_plural = "days to count"
        constraints = [
            models.UniqueConstraint(fields=["merchant", "day"], name="day_to_count_unique")
        ]

    def __str__(self) -> str:
        return f"{self.day} of {self.merchant}"


class AlertSettings(models.Model):
    """What a merchant wants to hear about, and from when on."""

    merchant = models.OneToOneField(
        Merchant, on_delete=models.CASCADE, related_name="alert_settings"
    )
    retry_success_percent = models.PositiveSmallIntegerField(default=30)
    retry_success_sample = models.PositiveSmallIntegerField(default=20)
    silent_hours = models.PositiveSmallIntegerField(default=24)
    mails_alerts = models.BooleanField(default=True)
    mails_weekly = models.BooleanField(default=True)

    class Meta:
        verbose_name_plural = "alert settings"

    def __str__(self) -> str:
        return f"Alert settings of {self.merchant}"

    @property
    def thresholds(self) -> Thresholds:
        return Thresholds(
            retry_success_percent=self.retry_success_percent,
            retry_success_sample=self.retry_success_sample,
            silent_hours=self.silent_hours,
        )


class AlertQuerySet(models.QuerySet["Alert"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def open(self) -> Self:
        return self.filter(cleared_at=None)


class Alert(models.Model):
    """One thing that is or was wrong; told once, until it clears."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=160, blank=True)
    text = models.CharField(max_length=500)
    todo = models.CharField(max_length=500)
    is_critical = models.BooleanField(default=False)
    evidence = models.JSONField(default=dict)
    found_at = models.DateTimeField()
    seen_at = models.DateTimeField(help_text="When it was last found.")
    cleared_at = models.DateTimeField(null=True, blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-found_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "kind", "key"],
                condition=Q(cleared_at=None),
                name="alert_open_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key} of {self.merchant}"

    @property
    def title(self) -> str:
        return TITLES.get(cast("AlertKind", self.kind), self.kind)


class WeeklyReview(models.Model):
    """A week that was reviewed, so that it is mailed once; what it said is found anew."""

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="weekly_reviews")
    week = models.DateField(help_text="Its Monday, in the merchant's zone.")
    made_at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True, blank=True, help_text="Empty: not worth a mail.")

    class Meta:
        ordering = ["-week"]
        constraints = [
            models.UniqueConstraint(fields=["merchant", "week"], name="weekly_review_once")
        ]

    def __str__(self) -> str:
        return f"Week of {self.week} of {self.merchant}"
