"""Keep what the merchant chose on Settings > Customer Payments."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import AuditEntry, Merchant, User
from apps.accounts.services import record_audit
from apps.customer_payments.models import CustomerPaymentSettings
from apps.customer_payments.services.opened import effect_on_open, end_runs, start_run
from apps.dunning.access import AccessRules

ACTION = "customer_payments.save"

REVOKING = ("revoke_on_failure", "revoke_when", "grace_days", "covers_all_offers", "offers")


class SettingsChanged(Exception):
    """Somebody else saved since the form was opened.

    `current` is what stands now; `by` and `at` say who saved it and when.
    """

    def __init__(self, *, current: CustomerPaymentSettings, saved: AuditEntry | None) -> None:
        super().__init__("Somebody changed these settings meanwhile.")
        self.current = current
        self.version = current.version
        self.by = saved.actor if saved else ""
        self.at = saved.at if saved else None


class CountChanged(Exception):
    """Other people would lose access than were confirmed; nothing was saved."""


def settings_for(merchant: Merchant) -> CustomerPaymentSettings:
    """Give the merchant's choices; both toggles off, version 0 and unsaved before the first save."""
    found = CustomerPaymentSettings.objects.filter(merchant=merchant).first()
    return found or CustomerPaymentSettings(merchant=merchant, version=0)


def chosen_rules(merchant: Merchant) -> AccessRules | None:
    """Give the merchant's choices as `dunning.access` reads them; None before the first save."""
    settings = settings_for(merchant)
    return settings.rules if settings.version else None


def save_settings(
    *,
    merchant: Merchant,
    revoke_on_failure: bool,
    grant_on_success: bool,
    expected_version: int,
    user: User | None,
    now: dt.datetime,
    details: AccessRules | None = None,
    confirmed_count: int | None = None,
) -> CustomerPaymentSettings:
    """Keep the two toggles, and `details` of what they leave open; None keeps those as they are.

    It holds for failures from now on. With `confirmed_count` it holds for open ones as well, and
    that many customers lose access now: a worker sees to it, see `AccessRun`.

    Raises:
        SettingsChanged: another version than `expected_version` was saved since.
        CountChanged: it is not `confirmed_count` customers any more.
    """
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        current = settings_for(merchant)
        if current.version != expected_version:
            saved_by = AuditEntry.objects.filter(merchant=merchant, action=ACTION).first()
            raise SettingsChanged(current=current, saved=saved_by)
        before = _values(current)
        current.revoke_on_failure = revoke_on_failure
        current.grant_on_success = grant_on_success
        if details is not None:
            take_over(current, details)
        current.version, current.updated_at = expected_version + 1, now
        after = _values(current)
        is_other = any(before[name] != after[name] for name in (*REVOKING, "ladders"))
        if is_other:
            current.revokes_since = now
        if is_other or confirmed_count is not None:
            end_runs(merchant=merchant, now=now)
        if confirmed_count is not None:
            current.revokes_since = None  # it holds for those whose payment failed earlier, too
        if before["after_return"] != after["after_return"]:
            current.returns_since = now
        current.save()
        after["applies_to_open"] = confirmed_count is not None
        record_audit(
            merchant=merchant, user=user, action=ACTION, at=now, before=before, after=after
        )
        if confirmed_count is not None:
            effect = effect_on_open(merchant=merchant, rules=current.rules, now=now)
            if effect.customers_now != confirmed_count:
                raise CountChanged
            start_run(merchant=merchant, effect=effect, user=user, now=now)
    return current


def take_over(current: CustomerPaymentSettings, details: AccessRules) -> None:
    """Put a form's choices on the settings; saves nothing."""
    if details.revoke != "never":
        current.revoke_when = CustomerPaymentSettings.RevokeWhen(details.revoke)
    current.grace_days = details.grace_days
    current.covers_all_offers = details.offers is None
    current.offers = sorted(details.offers or ())
    current.ladders = [ladder.to_json() for ladder in details.ladders]
    current.at_end = CustomerPaymentSettings.AtEnd(details.at_end)
    current.after_return = CustomerPaymentSettings.AfterReturn(details.after_return)


def _values(settings: CustomerPaymentSettings) -> dict[str, object]:
    names = (*REVOKING, "ladders", "grant_on_success", "at_end", "after_return")
    return {name: getattr(settings, name) for name in names}
