"""Keep what was found: a new finding is an alert, one found no more is cleared."""

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from apps.accounts.models import Merchant
from apps.analytics.models import Alert, AlertSettings, SentReview
from apps.dunning.metrics.alerts import Finding


def alert_settings_for(merchant: Merchant) -> AlertSettings:
    """Give what a merchant chose; the defaults, unsaved, before the first choice."""
    return AlertSettings.objects.filter(merchant=merchant).first() or AlertSettings(
        merchant=merchant
    )


def keep_findings(*, merchant: Merchant, found: Sequence[Finding], now: dt.datetime) -> list[Alert]:
    """Open an alert per new finding, refresh the known ones, clear the rest; give back the new.

    Two at once are safe: one waits for the other, and the database keeps one open alert of a kind
    and key.
    """
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        known = {(row.kind, row.key): row for row in Alert.objects.for_merchant(merchant).open()}
        new = []
        for finding in found:
            row = known.pop((finding.kind, finding.key), None)
            if row is None:
                row = Alert(merchant=merchant, kind=finding.kind, key=finding.key, found_at=now)
                new.append(row)
            row.text, row.todo = finding.text[:500], finding.todo[:500]
            row.is_critical, row.evidence = finding.critical, dict(finding.evidence)
            row.seen_at = now
            row.save()
        for gone in known.values():
            gone.cleared_at = now
            gone.save(update_fields=["cleared_at"])
    return new


def claim_mail(*, alert: Alert, now: dt.datetime) -> bool:
    """Take the one mail of an alert; False if it was taken. At most one, even if sending fails."""
    mine = Alert.objects.filter(pk=alert.pk, mailed_at=None)
    return mine.update(mailed_at=now) == 1


def claim_review(*, merchant: Merchant, monday: dt.date, now: dt.datetime) -> bool:
    """Take the one mail of a week's review; False if it was taken."""
    _, created = SentReview.objects.get_or_create(
        merchant=merchant, monday=monday, defaults={"sent_at": now}
    )
    return created
