"""How far a merchant's set-up is, and what the list of good health is found in."""

import datetime as dt
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from django.db.models import Exists
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Merchant
from apps.customers.models import PaymentMethod
from apps.dunning.setup import Point, SetupFacts, checklist
from apps.dunning_emails.models import Mail
from apps.dunning_emails.queries import kind_rows
from apps.overview.models import SetupNote
from apps.overview.watched import events_of
from apps.retry_settings.models import RetrySettings
from apps.retry_settings.services import stored_rules, stripe_notes
from apps.webhooks.queries import ImportProgress

IMPORT = "import"
"""The note that no history is wanted."""

REFRESHED_WITHIN = dt.timedelta(days=90)
WEEK = dt.timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the set-up."""

    key: str
    title: str | Promise
    is_done: bool


@dataclass(frozen=True, slots=True)
class Setup:
    """All four steps in order; `progress` is the newest import."""

    steps: tuple[Step, ...]
    progress: ImportProgress | None

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def is_done(self) -> bool:
        return self.done == len(self.steps)

    @property
    def next(self) -> str:
        """Return the key of the first step that is not done; "" when all are."""
        return next((step.key for step in self.steps if not step.is_done), "")


def setup_of(merchant: Merchant, *, progress: ImportProgress | None) -> Setup:
    """Say how far the set-up is; `progress` is the newest import's. One query."""
    is_connected = bool(merchant.stripe_account_id) and merchant.detached_at is None
    notes = SetupNote.objects.for_merchant(merchant)
    found = (
        Merchant.objects.filter(pk=merchant.pk)
        .annotate(
            has_events=Exists(events_of(merchant).filter(from_sweep=False)),
            skips_import=Exists(notes.filter(key=IMPORT)),
            has_settings=Exists(RetrySettings.objects.filter(merchant=merchant)),
        )
        .values("has_events", "skips_import", "has_settings")
        .get()
    )
    imported = progress is not None and not progress.is_running
    return Setup(
        steps=(
            Step("connect", _("Connect Stripe"), is_connected),
            Step("events", _("Receive events"), is_connected and found["has_events"]),
            Step("import", _("Import history"), imported or found["skips_import"]),
            Step("settings", _("Choose settings"), found["has_settings"]),
        ),
        progress=progress,
    )


def points_of(merchant: Merchant, *, now: dt.datetime) -> tuple[Point, ...]:
    """Go through what makes recovery work well; eight queries."""
    mails = kind_rows(merchant=merchant)
    rules = stored_rules(merchant).rules
    sent = Mail.objects.for_merchant(merchant).filter(sent_at__gt=now - WEEK)
    return checklist(
        SetupFacts(
            engine=rules.engine,
            stripe_schedule=stripe_notes(merchant).schedule,
            mails_on=sum(row.is_on for row in mails),
            doubled_mails=tuple(row.info.title for row in mails if row.is_double),
            refreshed_cards=PaymentMethod.objects.for_merchant(merchant)
            .filter(updated_by_network_at__gt=now - REFRESHED_WITHIN)
            .count(),
            backup_after=rules.backup_after,
            time_zone=merchant.time_zone,
            sender=parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2],
            sent=sent.count(),
            bounced=sent.filter(delivery=Mail.Delivery.BOUNCED).count(),
            said=frozenset(SetupNote.objects.for_merchant(merchant).values_list("key", flat=True)),
        )
    )
