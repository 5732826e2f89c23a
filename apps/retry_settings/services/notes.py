"""What the merchant noted of Stripe's own retry settings."""

import datetime as dt
from dataclasses import asdict
from typing import cast

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.dunning.provider_notes import InvoiceEnd, ProviderNotes, Schedule, SubscriptionEnd
from apps.retry_settings.models import StripeNotes


def stripe_notes(merchant: Merchant) -> ProviderNotes:
    """Give the notes; nothing is known before the first save."""
    row = StripeNotes.objects.filter(merchant=merchant).first()
    if row is None:
        return ProviderNotes()
    return ProviderNotes(
        schedule=cast("Schedule", row.schedule),
        tries=row.tries,
        window_days=row.window_days,
        subscription_end=cast("SubscriptionEnd", row.subscription_end),
        invoice_end=cast("InvoiceEnd", row.invoice_end),
    )


def save_stripe_notes(
    *, merchant: Merchant, notes: ProviderNotes, user: User | None, now: dt.datetime
) -> None:
    """Keep the notes; they change nothing but what mismatches are flagged."""
    with transaction.atomic(durable=True):
        before = stripe_notes(merchant)
        StripeNotes.objects.update_or_create(
            merchant=merchant, defaults={**asdict(notes), "updated_at": now}
        )
        record_audit(
            merchant=merchant,
            user=user,
            action="retry_settings.stripe_notes",
            at=now,
            before=asdict(before),
            after=asdict(notes),
        )
