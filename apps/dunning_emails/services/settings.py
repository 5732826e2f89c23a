"""Keep what a merchant chooses about mails. Each change is on record; switches act at once."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import transaction

from apps.accounts.models import AuditEntry, Merchant, User
from apps.accounts.services import record_audit
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.texts import Words, unknown_variables
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.models import EmailSettings, Mail, MailTemplate
from apps.dunning_emails.services.planning import drop

SAVE = "emails.save"

SINCE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "alerts_since": ("owner_alerts",),
        "invoice_end_since": ("invoice_end", "invoice_end_days"),
        "credit_since": ("credit_up_to_minor", "credit_currency"),
        "confirm_end_since": ("confirm_end", "confirm_end_days"),
    }
)
"""What a choice holds from: the moment it was last changed, so that it reaches nothing older."""


class SettingsChanged(Exception):
    """Somebody else saved since the form was opened."""

    def __init__(self, *, current: EmailSettings, saved: AuditEntry | None) -> None:
        super().__init__("Somebody changed these settings meanwhile.")
        self.version = current.version
        self.by = saved.actor if saved else ""
        self.at = saved.at if saved else None


class BadWords(ValueError):
    """A text that cannot be published; the message says why."""


def switch_kind(
    *, merchant: Merchant, kind: MailKind, on: bool, user: User | None, now: dt.datetime
) -> bool:
    """Switch a kind on, for what happens from now on, or off, planned ones included.

    False where it stood so already.
    """
    with transaction.atomic():
        row = _template(merchant, kind)
        if (row.on_since is not None) == on:
            return False
        row.on_since = now if on else None
        row.save(update_fields=["on_since"])
        _record(merchant, user, f"emails.{'on' if on else 'off'}", kind, now)
        if not on:
            planned = Mail.objects.for_merchant(merchant).filter(
                kind=kind, status=Mail.Status.SCHEDULED, asked_by=""
            )
            drop(planned, why="This email was switched off.")
    return True


def say_stripe_sends(
    *, merchant: Merchant, kind: MailKind, sends: bool, user: User, now: dt.datetime
) -> None:
    """Note whether Stripe sends its own mail about this; it cannot be read from Stripe."""
    with transaction.atomic():
        row = _template(merchant, kind)
        if row.stripe_sends == sends:
            return
        row.stripe_sends = sends
        row.save(update_fields=["stripe_sends"])
        _record(merchant, user, f"emails.stripe_{'sends' if sends else 'is_silent'}", kind, now)


def set_days(
    *, merchant: Merchant, kind: MailKind, days: int, user: User, now: dt.datetime
) -> None:
    """Choose on which day a kind goes out; what is planned moves when it comes up."""
    with transaction.atomic():
        row = _template(merchant, kind)
        row.days = days
        row.save(update_fields=["days"])
        _record(merchant, user, "emails.days", kind, now, days=days)


def save_settings(
    *,
    merchant: Merchant,
    changes: Mapping[str, Any],
    expected_version: int,
    user: User | None,
    now: dt.datetime,
) -> EmailSettings:
    """Keep some of the settings; the others stay as they are.

    Raises:
        SettingsChanged: another version than `expected_version` was saved since.
    """
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        current = settings_of(merchant)
        if current.version != expected_version:
            saved = AuditEntry.objects.filter(merchant=merchant, action=SAVE).first()
            raise SettingsChanged(current=current, saved=saved)
        before = {name: _shown(getattr(current, name)) for name in changes}
        for name, value in changes.items():
            setattr(current, name, value)
        for name in {"logo", "icon"} & changes.keys():
            picture = changes[name]
            setattr(current, f"{name}_hash", hashlib.sha256(picture).hexdigest() if picture else "")
        for since, names in SINCE.items():
            if any(name in changes and before[name] != changes[name] for name in names):
                setattr(current, since, now)
        current.version, current.updated_at = expected_version + 1, now
        current.save()
        record_audit(
            merchant=merchant,
            user=user,
            action=SAVE,
            at=now,
            before=before,
            after={name: _shown(value) for name, value in changes.items()},
        )
    return current


def save_draft(
    *, merchant: Merchant, kind: MailKind, words: Words, now: dt.datetime
) -> MailTemplate:
    """Keep what is being written. Nothing of it goes out before it is published."""
    with transaction.atomic():
        row = _template(merchant, kind)
        row.draft, row.drafted_at = words.as_dict(), now
        row.save(update_fields=["draft", "drafted_at"])
    return row


def publish(*, merchant: Merchant, kind: MailKind, user: User, now: dt.datetime) -> None:
    """Let the draft go out from now on.

    Raises:
        BadWords: there is none, or it holds a variable that does not exist.
    """
    with transaction.atomic(durable=True):
        row = _template(merchant, kind)
        if not row.draft:
            raise BadWords("There is no draft to publish.")
        unknown = unknown_variables(Words(**row.draft))
        if unknown:
            raise BadWords(f"Unknown variable: {', '.join(f'{{{one}}}' for one in unknown)}.")
        row.live, row.draft, row.drafted_at = row.draft, {}, None
        row.published_at, row.published_by = now, user.email
        row.save()
        _record(merchant, user, "emails.publish", kind, now, subject_line=row.live["subject"])


def discard_draft(*, merchant: Merchant, kind: MailKind) -> None:
    """Forget the draft; what goes out stays."""
    MailTemplate.objects.for_merchant(merchant).filter(kind=kind).update(draft={}, drafted_at=None)


def restore_default(*, merchant: Merchant, kind: MailKind, user: User, now: dt.datetime) -> None:
    """Let our own words go out again."""
    with transaction.atomic(durable=True):
        row = _template(merchant, kind)
        row.live, row.draft, row.drafted_at = {}, {}, None
        row.published_at, row.published_by = now, user.email
        row.save()
        _record(merchant, user, "emails.restore_default", kind, now)


def _template(merchant: Merchant, kind: MailKind) -> MailTemplate:
    return MailTemplate.objects.select_for_update().get_or_create(merchant=merchant, kind=kind)[0]


def _record(
    merchant: Merchant,
    user: User | None,
    action: str,
    kind: MailKind,
    now: dt.datetime,
    **after: object,
) -> None:
    record_audit(
        merchant=merchant, user=user, action=action, subject=kind.value, at=now, after=after
    )


def _shown(value: object) -> object:
    """Give a value as the record keeps it: a picture by its size alone."""
    if isinstance(value, bytes | memoryview):
        return f"{len(value)} bytes"
    return value
