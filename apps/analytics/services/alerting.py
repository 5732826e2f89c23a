"""Keep what was found: a new finding is an alert, one found no more is cleared."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.analytics.models import Alert, AlertSettings
from apps.dunning.metrics.alerts import Finding

CHOICES = (
    "retry_success_percent",
    "retry_success_sample",
    "silent_hours",
    "mails_alerts",
    "mails_weekly",
)

MAIL_AGAIN_AFTER = dt.timedelta(days=1)
"""What clears and comes back within a day is not mailed a second time."""


def alert_settings_for(merchant: Merchant) -> AlertSettings:
    """Give what a merchant chose; the defaults, unsaved, before the first choice."""
    return AlertSettings.objects.filter(merchant=merchant).first() or AlertSettings(
        merchant=merchant
    )


def save_alert_settings(
    *, merchant: Merchant, choices: Mapping[str, int | bool], user: User, now: dt.datetime
) -> None:
    """Keep what a merchant wants to hear about, some or all of `CHOICES`; on record."""
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        current = alert_settings_for(merchant)
        before: dict[str, object] = {name: getattr(current, name) for name in CHOICES}
        for name in set(CHOICES) & choices.keys():
            setattr(current, name, choices[name])
        after: dict[str, object] = {name: getattr(current, name) for name in CHOICES}
        current.save()
        if before != after:
            record_audit(
                merchant=merchant,
                user=user,
                action="alert_settings.save",
                at=now,
                before=before,
                after=after,
            )


def keep_findings(
    *,
    merchant: Merchant,
    found: Sequence[Finding],
    now: dt.datetime,
    unsure: Collection[str] = (),
) -> list[Alert]:
    """Open an alert per new finding, refresh the known ones, clear the rest; give back the new.

    Alerts of the kinds in `unsure` stay as they are: nobody can tell at this moment.

    Two at once are safe: one waits for the other, and the database keeps one open alert of a kind
    and key.
    """
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        rows = Alert.objects.for_merchant(merchant).open().exclude(kind__in=unsure)
        known = {(row.kind, row.key): row for row in rows}
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
    """Take the one mail of an alert; False if it was taken. At most one, even if sending fails.

    Nobody is told twice within a day of what cleared and came back.
    """
    mine = Alert.objects.filter(pk=alert.pk, mailed_at=None)
    if not mine.update(mailed_at=now):
        return False
    told = Alert.objects.filter(
        merchant_id=alert.merchant_id,
        kind=alert.kind,
        key=alert.key,
        mailed_at__gt=now - MAIL_AGAIN_AFTER,
    )
    return not told.exclude(pk=alert.pk).exists()
