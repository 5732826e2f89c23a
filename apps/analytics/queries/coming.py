"""What is going to be charged, day by day."""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping

from apps.accounts.models import Merchant
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.tabs import RETRYING


def coming_by_day(
    *, merchant: Merchant, currency: str, since: dt.datetime, until: dt.datetime
) -> Mapping[dt.date, tuple[int, int]]:
    """Count the charges that will really run in a half-open span: how many, and their amount."""
    rows = (
        RecoveryCase.objects.for_merchant(merchant)
        .filter(RETRYING, currency=currency, next_try_at__gte=since, next_try_at__lt=until)
        .values_list("next_try_at", "amount_due_minor")
    )
    found: dict[dt.date, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for at, minor in rows:
        if at is None:
            continue
        day = at.astimezone(merchant.zone).date()
        found[day] = (found[day][0] + 1, found[day][1] + minor)
    return found
