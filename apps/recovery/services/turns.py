"""One charge at a time per customer, and some minutes between two of their invoices."""

import datetime as dt

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from apps.recovery.models import Attempt, RecoveryCase

APART = dt.timedelta(minutes=2)
"""Between charges of two invoices of one customer: their bank sees no burst.

Stripe refuses two calls that touch one customer at the same moment (lock_timeout).
Source: https://docs.stripe.com/rate-limits
"""


def wait_for_others(*, case: RecoveryCase, now: dt.datetime) -> bool:
    """Tell whether another invoice of the customer is being charged, or was just now.

    Inside the caller's transaction; it holds the customer until that ends, so that of two callers
    one sees the other's claim.
    """
    if not case.stripe_customer_id:
        return False
    with connection.cursor() as cursor:
        name = f"charge:{case.merchant_id}:{case.stripe_customer_id}"
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    at_work = Q(
        status__in=[Attempt.Status.RUNNING, Attempt.Status.UNKNOWN],
        lease_until__gt=timezone.now(),
    )
    return (
        Attempt.objects.filter(
            at_work | Q(sent_at__gt=now - APART, sent_at__lte=now),
            case__merchant_id=case.merchant_id,
            case__stripe_customer_id=case.stripe_customer_id,
        )
        .exclude(case_id=case.pk)
        .exists()
    )
