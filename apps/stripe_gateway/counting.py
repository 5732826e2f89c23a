"""Count what goes wrong at Stripe, for the operator's figures and a banner while it is down."""

import datetime as dt
import logging

from django.db.models import F, QuerySet
from django.utils import timezone

from apps.stripe_gateway import errors
from apps.stripe_gateway.models import StripeErrorCount

logger = logging.getLogger(__name__)

KINDS: dict[type[errors.GatewayError], str] = {
    errors.OutcomeUnknown: "no_answer",
    errors.Busy: "busy",
    errors.AccessDenied: "access_denied",
    errors.KeyMismatch: "key_mismatch",
    errors.NotFound: "not_found",
    errors.BadRequest: "bad_request",
}
"""Declines, 3-D Secure and invoices that are paid already are answers, not errors."""


SILENT_FOR = dt.timedelta(minutes=2)
"""Real time for which an unanswered call tells that Stripe may be down."""


def calls_without_answer(*, real_now: dt.datetime) -> QuerySet[StripeErrorCount]:
    """Select a row while Stripe leaves calls unanswered, by this process or any other; else none."""
    return StripeErrorCount.objects.filter(
        kind=KINDS[errors.OutcomeUnknown], last_at__gt=real_now - SILENT_FOR
    )


def count(error: errors.GatewayError) -> None:
    """Add one to an error's kind; whatever keeps it from that keeps the caller from nothing."""
    kind = KINDS.get(type(error))
    if kind is None:
        return
    now = timezone.now()
    try:
        StripeErrorCount.objects.bulk_create(
            [StripeErrorCount(kind=kind, last_at=now)], ignore_conflicts=True
        )
        StripeErrorCount.objects.filter(kind=kind).update(count=F("count") + 1, last_at=now)
    except Exception as trouble:  # noqa: BLE001 - the error that is counted matters more
        logger.warning("An error of Stripe was not counted: %s", trouble)
