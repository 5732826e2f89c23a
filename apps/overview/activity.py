"""Who changed what, found by person, by kind and by words; and what was changed, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import AuditEntry, Merchant

KINDS: Mapping[str, tuple[str | Promise, tuple[str, ...]]] = MappingProxyType(
    {
        "cases": (_("Cases and retries"), ("case.", "cases.", "calendar_feed.")),
        "access": (_("Access"), ("access.", "customer_payments.")),
        "retries": (_("Retry settings"), ("retry_settings.", "retry_policy.")),
        "emails": (_("Emails and branding"), ("emails.", "branding.")),
        "stripe": (
            _("Stripe and charging"),
            ("stripe.", "merchant.", "installation.", "webhooks.", "setup."),
        ),
        "site": (_("Webhooks and API"), ("webhook_", "api_token.")),
        "exports": (_("Exports"), ("export.",)),
        "other": (_("Preferences and alerts"), ("preferences.", "alert_settings.")),
    }
)
"""Each kind: its name, and how the actions of it begin."""

WORDS: Mapping[str, str | Promise] = MappingProxyType(
    {
        "access.grant": _("Gave access back"),
        "access.hold": _("Held the loss of access"),
        "access.release": _("Let access take its course"),
        "access.revoke": _("Revoked access"),
        "alert_settings.save": _("Changed what is told"),
        "api_token.create": _("Made an API token"),
        "api_token.revoke": _("Revoked an API token"),
        "calendar_feed.close": _("Closed their calendar feed"),
        "calendar_feed.open": _("Opened a calendar feed"),
        "case.bulk_retry": _("Retried many cases"),
        "case.bulk_stop": _("Stopped many cases"),
        "case.hold": _("Held a case"),
        "case.mark_uncollectible": _("Marked an invoice uncollectible"),
        "case.release": _("Released a case"),
        "case.remind": _("Sent a reminder"),
        "case.reopen": _("Opened a case again"),
        "case.retry_now": _("Retried by hand"),
        "case.revoke_links": _("Revoked payment links"),
        "case.stop": _("Stopped a case"),
        "cases.apply_rules": _("Applied new rules to open cases"),
        "cases.take_over_imported": _("Took imported cases over"),
        "customer_payments.save": _("Changed customer payments"),
        "emails.mail_again": _("Let mail go to an address again"),
        "emails.days": _("Changed when an email goes out"),
        "emails.off": _("Switched an email off"),
        "emails.on": _("Switched an email on"),
        "emails.publish": _("Published an email"),
        "emails.restore_default": _("Restored an email's text"),
        "emails.save": _("Changed the emails"),
        "emails.stripe_is_silent": _("Noted that Stripe sends no such email"),
        "emails.stripe_sends": _("Noted that Stripe sends such an email"),
        "export.asked": _("Asked for an export"),
        "export.canceled": _("Canceled an export"),
        "export.deleted": _("Deleted an export"),
        "export.downloaded": _("Downloaded an export"),
        "export.retried": _("Asked for an export again"),
        "export.streamed": _("Downloaded a list"),
        "installation.charging": _("Switched charging for everybody"),
        "merchant.accepted": _("Stripe takes the key again"),
        "merchant.attached": _("The account is connected again"),
        "merchant.charging": _("Switched charging"),
        "merchant.detached": _("The account is disconnected"),
        "merchant.reconciled": _("Compared everything open with Stripe"),
        "merchant.refused": _("Stripe refuses the key"),
        "preferences.save": _("Changed the preferences"),
        "retry_policy.delete": _("Deleted a segment's rules"),
        "retry_policy.move": _("Moved a segment's rules"),
        "retry_policy.save": _("Changed a segment's rules"),
        "retry_settings.save": _("Changed the retry settings"),
        "retry_settings.stripe_notes": _("Noted Stripe's settings"),
        "setup.said": _("Went through the checklist"),
        "stripe.connected": _("Connected Stripe"),
        "webhook_delivery.replay": _("Sent a webhook again"),
        "webhook_endpoint.add": _("Added a webhook endpoint"),
        "webhook_endpoint.change": _("Changed a webhook endpoint"),
        "webhook_endpoint.disable": _("Disabled a webhook endpoint"),
        "webhook_endpoint.enable": _("Enabled a webhook endpoint"),
        "webhook_endpoint.rotate": _("Made a webhook's secret anew"),
        "webhook_endpoint.test": _("Tested a webhook endpoint"),
        "webhooks.replayed": _("Replayed Stripe's events"),
    }
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the list is narrowed to; empty values do not filter."""

    who: str = ""
    kind: str = ""
    words: str = ""


def entries_of(*, merchant: Merchant, wish: Wish) -> QuerySet[AuditEntry]:
    """Select entries, newest first; an unknown kind filters nothing.

    Words are looked for in what was done, to what, by whom, and in the values before and after.
    """
    rows = AuditEntry.objects.filter(merchant=merchant)
    if wish.who:
        rows = rows.filter(actor=wish.who)
    if wish.kind in KINDS:
        rows = rows.filter(_begins(KINDS[wish.kind][1]))
    if wish.words:
        rows = rows.annotate(
            was=Cast("before", CharField()), became=Cast("after", CharField())
        ).filter(
            Q(action__icontains=wish.words)
            | Q(action__in=_actions_called(wish.words))
            | Q(subject__icontains=wish.words)
            | Q(actor__icontains=wish.words)
            | Q(was__icontains=wish.words)
            | Q(became__icontains=wish.words)
        )
    return rows.order_by("-at", "-id")


def words_of(action: str) -> str:
    """Say what was done; an action without words shows its own name."""
    return str(WORDS.get(action) or action.replace("_", " ").replace(".", ": "))


def _begins(starts: tuple[str, ...]) -> Q:
    found = Q()
    for start in starts:
        found |= Q(action__startswith=start)
    return found


def _actions_called(text: str) -> list[str]:
    """Give the actions whose words hold a text."""
    return [action for action, words in WORDS.items() if text.lower() in str(words).lower()]
