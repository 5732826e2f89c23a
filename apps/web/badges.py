"""Status words with their tone and icon: never colour alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Badge:
    """How a status looks: its word, one of the five tones and a micro icon."""

    word: str | Promise
    tone: str
    icon: str


def _badges(*rows: tuple[str, str | Promise, str, str]) -> Mapping[str, Badge]:
    return MappingProxyType({key: Badge(word, tone, icon) for key, word, tone, icon in rows})


BADGES: Mapping[str, Mapping[str, Badge]] = MappingProxyType(
    {
        "transaction": _badges(
            ("succeeded", _("Succeeded"), "ok", "check"),
            ("recovered", _("Recovered"), "ok", "arrow-path"),
            ("retrying", _("Retrying"), "wait", "clock"),
            ("charging", _("Charging…"), "info", "arrow-path"),
            ("checking", _("Checking with Stripe"), "info", "magnifying-glass"),
            ("needs_card", _("Needs a new card"), "bad", "credit-card"),
            ("needs_authentication", _("Needs authentication"), "wait", "shield-exclamation"),
            ("failed", _("Failed"), "bad", "x-mark"),
            ("processing", _("Processing"), "info", "clock"),
            ("refunded", _("Refunded"), "mute", "arrow-uturn-left"),
            ("disputed", _("Disputed"), "bad", "exclamation-circle"),
            ("incomplete", _("Incomplete"), "mute", "ellipsis-horizontal"),
            ("open", _("Open"), "mute", "envelope"),
            ("void", _("Void"), "mute", "no-symbol"),
        ),
        "subscription": _badges(
            ("active", _("Active"), "ok", "check"),
            ("trialing", _("Trialing"), "ok", "check"),
            ("past_due", _("Past due"), "wait", "exclamation-triangle"),
            ("unpaid", _("Unpaid"), "bad", "exclamation-circle"),
            ("paused", _("Paused"), "mute", "pause-circle"),
            ("canceled", _("Canceled"), "mute", "no-symbol"),
            ("completed", _("Completed"), "ok", "check-circle"),
            ("incomplete", _("Incomplete"), "mute", "ellipsis-horizontal"),
            ("incomplete_expired", _("Incomplete, expired"), "mute", "no-symbol"),
        ),
        "access": _badges(
            ("granted", _("Granted"), "ok", "lock-open"),
            ("banner", _("Notice shown"), "wait", "megaphone"),
            ("limited", _("Limited"), "wait", "lock-open"),
            ("revoked", _("Revoked"), "mute", "lock-closed"),
            ("kept", _("Kept after the end"), "ok", "lock-open"),
            ("none", _("Not managed"), "mute", "no-symbol"),
        ),
        "case": _badges(
            ("open", _("Open"), "wait", "clock"),
            ("recovered", _("Recovered"), "ok", "arrow-path"),
            ("lost", _("Lost"), "bad", "x-mark"),
            ("stopped", _("Stopped"), "mute", "no-symbol"),
        ),
        "step": _badges(
            ("retry", _("Retrying"), "wait", "clock"),
            ("stripe", _("Retrying"), "wait", "clock"),
            ("new_card", _("Needs a new card"), "bad", "credit-card"),
            ("no_method", _("Needs a new card"), "bad", "credit-card"),
            ("authentication", _("Needs authentication"), "wait", "shield-exclamation"),
            ("checking", _("Checking with Stripe"), "info", "magnifying-glass"),
            ("processing", _("Processing"), "info", "clock"),
            ("final_action", _("Ending"), "mute", "no-symbol"),
            ("held", _("On hold"), "wait", "pause-circle"),
            ("nothing", _("Nothing planned"), "mute", "no-symbol"),
        ),
        "attempt": _badges(
            ("scheduled", _("Scheduled"), "wait", "clock"),
            ("running", _("Charging…"), "info", "arrow-path"),
            ("succeeded", _("Paid"), "ok", "check"),
            ("declined", _("Declined"), "bad", "x-mark"),
            ("processing", _("Processing"), "info", "clock"),
            ("needs_customer", _("Customer must confirm"), "wait", "shield-exclamation"),
            ("skipped", _("Skipped"), "mute", "no-symbol"),
            ("unknown", _("Checking with Stripe"), "info", "magnifying-glass"),
        ),
        "try": _badges(
            ("succeeded", _("Paid"), "ok", "check"),
            ("failed", _("Declined"), "bad", "x-mark"),
            ("pending", _("Processing"), "info", "clock"),
        ),
        "export": _badges(
            ("queued", _("Queued"), "mute", "clock"),
            ("running", _("Running"), "info", "arrow-path"),
            ("ready", _("Ready"), "ok", "check"),
            ("failed", _("Failed"), "bad", "x-mark"),
            ("canceled", _("Canceled"), "mute", "no-symbol"),
            ("expired", _("Expired"), "mute", "clock"),
        ),
        "invoice": _badges(
            ("draft", _("Draft"), "mute", "pencil-square"),
            ("open", _("Open"), "wait", "envelope-open"),
            ("paid", _("Paid"), "ok", "check"),
            ("uncollectible", _("Uncollectible"), "mute", "no-symbol"),
            ("void", _("Void"), "mute", "no-symbol"),
        ),
    }
)
"""By kind of thing and status. A value that is missing here is shown readable, in grey."""


def badge_of(kind: str, status: str) -> Badge:
    """Return how a status of a kind of thing looks; an unknown one is made readable."""
    known = BADGES.get(kind, {}).get(status)
    if known:
        return known
    return Badge(status.replace("_", " ").capitalize(), "mute", "information-circle")
