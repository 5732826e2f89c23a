"""Read model: payers and their payment methods. Can be dropped and rebuilt from Stripe."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Merchant


class CustomerQuerySet(models.QuerySet["Customer"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class Customer(models.Model):
    """Somebody who pays a merchant."""

    class ZoneSource(models.TextChoices):
        BILLING = "billing", "billing address"
        CARD = "card", "card country"
        MERCHANT = "merchant", "your time zone"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="customers")
    stripe_customer_id = models.CharField(max_length=255)
    name = models.CharField(max_length=512, blank=True)
    email = models.CharField(max_length=512, blank=True)
    country = models.CharField(max_length=2, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    zone_source = models.CharField(max_length=16, choices=ZoneSource, default=ZoneSource.MERCHANT)
    is_deleted = models.BooleanField(default=False)
    default_method_id = models.CharField(
        max_length=255, blank=True, help_text="invoice_settings.default_payment_method"
    )
    default_source_id = models.CharField(max_length=255, blank=True)
    defaults_known = models.BooleanField(
        default=False, help_text="Whether the two ids above were ever read; empty may mean none."
    )
    read_at = models.DateTimeField(help_text="When Stripe was asked; older never overwrites newer.")

    objects = CustomerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_customer_id"], name="customer_unique_stripe_id"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name or self.email or self.stripe_customer_id} (#{self.pk})"

    @property
    def display_name(self) -> str:
        return self.name or self.email or self.stripe_customer_id


class PaymentMethodQuerySet(models.QuerySet["PaymentMethod"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class PaymentMethod(models.Model):
    """A card or debit of a customer, as last seen at Stripe."""

    class Mandate(models.TextChoices):
        ACTIVE = "active", _("In force")
        PENDING = "pending", _("Not in force yet")
        INACTIVE = "inactive", _("No longer valid")

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    stripe_payment_method_id = models.CharField(max_length=255)
    stripe_customer_id = models.CharField(max_length=255, blank=True)
    type = models.CharField(max_length=64)
    brand = models.CharField(max_length=64, blank=True)
    last4 = models.CharField(max_length=8, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)
    funding = models.CharField(max_length=16, blank=True)
    country = models.CharField(max_length=2, blank=True)
    exp_month = models.PositiveSmallIntegerField(null=True)
    exp_year = models.PositiveSmallIntegerField(null=True)
    mandate = models.CharField(
        max_length=16,
        blank=True,
        choices=Mandate,
        help_text="Of a bank debit, as last told; empty where nobody told.",
    )
    data_changed_at = models.DateTimeField(
        null=True, help_text="Expiry, CVC or number changed, as far as we were told."
    )
    updated_by_network_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField()

    objects = PaymentMethodQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_payment_method_id"],
                name="payment_method_unique_stripe_id",
            )
        ]
        indexes = [
            models.Index(fields=["merchant", "stripe_customer_id"], name="method_by_customer")
        ]

    def __str__(self) -> str:
        return f"{self.brand or self.type} {self.last4} ({self.stripe_payment_method_id})"
