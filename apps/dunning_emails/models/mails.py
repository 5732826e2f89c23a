"""The outbox: one row per thing a mail is about, step and person. A row goes out once at most."""

import datetime as dt
import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant
from apps.recovery.models import RecoveryCase


class MailQuerySet(models.QuerySet["Mail"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def due(self, *, now: dt.datetime) -> Self:
        return self.filter(status=Mail.Status.SCHEDULED, due_at__lte=now)


class Mail(models.Model):
    """One mail, planned or gone.

    Before it is sent the row is claimed by a conditional update, so that two workers never send
    the same; everything is decided again then. A lost answer is `unknown` and stays so: about
    money nothing is sent twice.
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", "Planned"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        BUNDLED = "bundled", "In another email"
        UNKNOWN = "unknown", "Handed over, not confirmed"
        REFUSED = "refused", "Refused by the mail server"
        DROPPED = "dropped", "Not sent"

    class Delivery(models.TextChoices):
        NONE = "", "Nothing known"
        DELIVERED = "delivered", "Delivered"
        BOUNCED = "bounced", "Came back"
        COMPLAINED = "complained", "Marked as spam"

    GONE = (Status.SENT, Status.UNKNOWN, Status.BUNDLED)

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="mails")
    case = models.ForeignKey(
        RecoveryCase, on_delete=models.PROTECT, null=True, blank=True, related_name="mails"
    )
    about = models.CharField(max_length=255, help_text="case:12, invoice:in_1, renewal:sub_1:day.")
    step = models.CharField(max_length=64, help_text="Unique in what it is about.")
    kind = models.CharField(max_length=32)
    person = models.CharField(max_length=255, help_text="A Stripe customer, or user:12.")
    status = models.CharField(max_length=16, choices=Status, default=Status.SCHEDULED)
    due_at = models.DateTimeField()
    why = models.CharField(max_length=300, blank=True, help_text="Why then, or why not.")
    data = models.JSONField(default=dict, help_text="What it is about, in ids and times.")
    asked_by = models.CharField(max_length=254, blank=True, help_text="Who asked for it by hand.")
    bundle = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="bundled"
    )

    key = models.UUIDField(default=uuid.uuid4, unique=True, help_text="Makes the Message-ID.")
    tries = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Real time.")
    recipient = models.EmailField(blank=True, help_text="Where it went.")
    sent_at = models.DateTimeField(null=True, blank=True)
    provider_message_id = models.CharField(max_length=255, blank=True)
    delivery = models.CharField(max_length=16, choices=Delivery, blank=True, default=Delivery.NONE)
    delivery_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(
        null=True, blank=True, help_text="As the provider tells; unreliable."
    )
    clicked_at = models.DateTimeField(
        null=True, blank=True, help_text="As the provider tells; unreliable."
    )

    objects = MailQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "about", "step", "person"], name="mail_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["sent", "unknown"], sent_at__isnull=False)
                | ~Q(status__in=["sent", "unknown"]) & Q(sent_at=None),
                name="mail_sent_at_iff_gone",
            ),
            models.CheckConstraint(
                condition=Q(status="bundled", bundle__isnull=False)
                | ~Q(status="bundled") & Q(bundle=None),
                name="mail_bundle_iff_bundled",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="scheduled"), name="mail_due"),
            models.Index(fields=["lease_until"], condition=Q(status="sending"), name="mail_lease"),
            models.Index(fields=["merchant", "person", "-sent_at"], name="mail_by_person"),
            models.Index(
                fields=["provider_message_id"],
                condition=~Q(provider_message_id=""),
                name="mail_by_provider_id",
            ),
        ]

    def __str__(self) -> str:
        return f"Mail {self.pk}: {self.step} about {self.about} ({self.status})"

    @property
    def is_to_customer(self) -> bool:
        """Whether it goes to a customer, and not to the merchant's own people."""
        return not self.person.startswith("user:")


class BouncedAddressQuerySet(models.QuerySet["BouncedAddress"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class BouncedAddress(models.Model):
    """An address at which mail does not arrive, or is not wanted. Nothing is sent there."""

    class Reason(models.TextChoices):
        BOUNCED = "bounced", "Mail came back"
        COMPLAINED = "complained", "Marked as spam"
        REFUSED = "refused", "Refused by the mail server"

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField(help_text="Lower-case.")
    reason = models.CharField(max_length=16, choices=Reason)
    at = models.DateTimeField()

    objects = BouncedAddressQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "bounced addresses"
        constraints = [
            models.UniqueConstraint(fields=["merchant", "email"], name="bounced_unique_address")
        ]

    def __str__(self) -> str:
        return f"{self.reason} for merchant {self.merchant_id}"


class NoRemindersQuerySet(models.QuerySet["NoReminders"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class NoReminders(models.Model):
    """A customer who asked for no more reminders, by the link in one of them.

    The row goes when they want them again.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="+")
    stripe_customer_id = models.CharField(max_length=255)
    mail = models.ForeignKey(
        Mail, on_delete=models.PROTECT, related_name="+", help_text="Whose link was used."
    )
    since = models.DateTimeField()

    objects = NoRemindersQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "no reminders"
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_customer_id"], name="no_reminders_unique_customer"
            )
        ]

    def __str__(self) -> str:
        return f"No reminders for {self.stripe_customer_id}"
