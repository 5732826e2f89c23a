"""What a merchant chose about mails: senders and look, and each kind with its text."""

from typing import Any, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant
from apps.dunning.mails.kinds import KINDS, MailKind
from apps.dunning.mails.rules import CONFIRM_DAYS, INVOICE_DAYS

KIND_CHOICES = [(kind.value, info.title) for kind, info in KINDS.items()]


def confirm_days() -> list[int]:
    return list(CONFIRM_DAYS)


def invoice_days() -> list[int]:
    return list(INVOICE_DAYS)


class EmailSettings(models.Model):
    """How a merchant's mails look and where they lead; one row, made at the first save."""

    class LinkTarget(models.TextChoices):
        RECOUP = "recoup", "Recoup's payment page"
        STRIPE = "stripe", "Stripe's page of the invoice"
        OWN = "own", "A page of your own"

    class OwnerAlerts(models.TextChoices):
        EACH = "each", "Each failure"
        DAILY = "daily", "A daily summary"
        USED_UP = "used_up", "When the tries are used up"
        OFF = "off", "Off"

    class InvoiceEnd(models.TextChoices):
        LEAVE = "leave", "Leave it open"
        UNCOLLECTIBLE = "uncollectible", "Mark it uncollectible"
        VOID = "void", "Void it"

    merchant = models.OneToOneField(
        Merchant, on_delete=models.CASCADE, related_name="email_settings"
    )
    sender_name = models.CharField(max_length=100, blank=True)
    reply_to = models.EmailField(blank=True)
    postal_address = models.CharField(max_length=300, blank=True)
    colour = models.CharField(max_length=7, default="#2152cc", help_text="#rrggbb")
    logo = models.BinaryField(null=True, blank=True, help_text="PNG, at most 480 by 160.")
    logo_hash = models.CharField(max_length=64, blank=True, help_text="Names its public address.")
    icon = models.BinaryField(null=True, blank=True, help_text="PNG, square, at most 128 by 128.")
    icon_hash = models.CharField(max_length=64, blank=True, help_text="Names its public address.")
    link_target = models.CharField(max_length=16, choices=LinkTarget, default=LinkTarget.RECOUP)
    own_link = models.URLField(max_length=500, blank=True)
    confirm_days = models.JSONField(default=confirm_days)
    invoice_days = models.JSONField(default=invoice_days)
    invoice_end = models.CharField(
        max_length=16, choices=InvoiceEnd, default=InvoiceEnd.LEAVE, help_text="Of sent invoices."
    )
    invoice_end_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1)], help_text="After the due day."
    )
    invoice_end_since = models.DateTimeField(
        null=True, blank=True, help_text="Invoices that were older then stay as they are."
    )
    credit_up_to_minor = models.BigIntegerField(
        null=True, blank=True, help_text="The largest rest that is credited; smallest unit."
    )
    credit_currency = models.CharField(max_length=3, blank=True)
    credit_since = models.DateTimeField(
        null=True, blank=True, help_text="Invoices finalized before stay as they are."
    )
    confirm_end = models.CharField(
        max_length=16,
        choices=InvoiceEnd,
        default=InvoiceEnd.LEAVE,
        help_text="When the reminders of 3-D Secure are used up.",
    )
    confirm_end_days = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1)], help_text="After the last reminder."
    )
    confirm_end_since = models.DateTimeField(
        null=True, blank=True, help_text="Payments that failed before stay as they are."
    )
    quiet_from = models.PositiveSmallIntegerField(default=20, validators=[MaxValueValidator(23)])
    quiet_until = models.PositiveSmallIntegerField(default=8, validators=[MaxValueValidator(23)])
    weekly_cap = models.PositiveSmallIntegerField(default=3)
    owner_alerts = models.CharField(max_length=16, choices=OwnerAlerts, default=OwnerAlerts.OFF)
    alerts_since = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=1, help_text="Raised by every save.")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "email settings"
        constraints = [
            models.CheckConstraint(
                condition=~Q(link_target="own") | ~Q(own_link=""), name="email_own_link_given"
            ),
            models.CheckConstraint(
                condition=Q(credit_up_to_minor=None, credit_currency="")
                | (Q(credit_up_to_minor__gt=0) & ~Q(credit_currency="")),
                name="email_credit_with_currency",
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__lt=24, quiet_until__lt=24), name="email_quiet_hours"
            ),
        ]

    def __str__(self) -> str:
        return f"Email settings of {self.merchant}"


class MailTemplateQuerySet(models.QuerySet["MailTemplate"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class MailTemplate(models.Model):
    """One kind of mail of a merchant: whether it is on, when, and its words.

    Off and in our words until somebody changes it. `live` is what goes out, `draft` what is being
    written; {} stands for our own text. Both hold subject, preview, body and button.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="mail_templates")
    kind = models.CharField(max_length=32, choices=KIND_CHOICES)
    on_since = models.DateTimeField(
        null=True, blank=True, help_text="Off when empty; older failures get none."
    )
    stripe_sends = models.BooleanField(
        default=False, help_text="The merchant says that Stripe sends its own mail about this."
    )
    days = models.PositiveSmallIntegerField(null=True, blank=True)
    live = models.JSONField(default=dict)
    draft = models.JSONField(default=dict)
    drafted_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    published_by = models.CharField(max_length=254, blank=True)

    objects = MailTemplateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "kind"], name="mail_template_unique_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of merchant {self.merchant_id}"

    def text_of(self, *, draft: bool = False) -> dict[str, Any]:
        """Return the words that differ from ours."""
        return dict(self.draft if draft else self.live)

    @property
    def mail_kind(self) -> MailKind:
        return MailKind(self.kind)
