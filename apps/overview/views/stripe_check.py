"""Whether Stripe does to real invoices what the merchant noted of its settings."""

import datetime as dt
from collections.abc import Iterator

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.provider_notes import SeenAtProvider, mismatches
from apps.recovery.models import RecoveryCase, Try
from apps.retry_settings.services import stripe_notes
from apps.subscriptions.models import Subscription
from apps.web.htmx import wants_fragment

DAYS = 75
"""Stripe's longest window is two months."""
MOST_CASES = 500
MOST_SHOWN = 10
ENDED = dt.timedelta(days=2)
"""How long after Stripe's last word its final action may take."""


@require_GET
@allow(Role.VIEWER)
def stripe_check(request: MerchantRequest) -> HttpResponse:
    """Compare the note with the invoices that Stripe retried of late."""
    seen = list(_seen(request.merchant, clock.now()))
    cases = {one.reference: case for case, one in seen}
    found = mismatches(stripe_notes(request.merchant), [one for _, one in seen])
    context = {
        "looked_at": len(seen),
        "total": len(found),
        "rows": [(cases[one.reference], one.text) for one in found[:MOST_SHOWN]],
        "days": DAYS,
    }
    name = "_stripe_check.html" if wants_fragment(request) else "stripe_check.html"
    return render(request, f"overview/{name}", context)


def _seen(merchant: Merchant, now: dt.datetime) -> Iterator[tuple[RecoveryCase, SeenAtProvider]]:
    cases = list(
        RecoveryCase.objects.for_merchant(merchant)
        .filter(
            engine=RecoveryCase.Engine.STRIPE,
            takeover=RecoveryCase.Takeover.NONE,
            failed_at__gte=now - dt.timedelta(days=DAYS),
        )
        .order_by("-failed_at")[:MOST_CASES]
    )
    tries: dict[str, list[dt.datetime]] = {}
    for invoice_id, at in (
        Try.objects.for_merchant(merchant)
        .filter(stripe_invoice_id__in=[case.stripe_invoice_id for case in cases], attempt=None)
        .order_by("at")
        .values_list("stripe_invoice_id", "at")
    ):
        tries.setdefault(invoice_id, []).append(at)
    statuses = dict(
        Subscription.objects.for_merchant(merchant)
        .filter(stripe_subscription_id__in=[case.stripe_subscription_id for case in cases])
        .values_list("stripe_subscription_id", "status")
    )
    for case in cases:
        moments = tries.get(case.stripe_invoice_id, [case.failed_at])
        lost = case.status == RecoveryCase.Status.LOST
        settled = case.closed_at is not None and case.closed_at + ENDED <= now
        yield (
            case,
            SeenAtProvider(
                reference=case.stripe_invoice_id,
                retries=len(moments) - 1,
                days=(moments[-1] - moments[0]).total_seconds() / 86400,
                goes_on=bool(case.seen.get("next_payment_attempt"))
                and case.status == RecoveryCase.Status.OPEN,
                is_over=lost and settled,
                subscription_status=statuses.get(case.stripe_subscription_id, ""),
                invoice_status=str(case.seen.get("status", "")),
            ),
        )
