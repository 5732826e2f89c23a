"""The rules for everybody who is in no segment."""

import datetime as dt
from dataclasses import dataclass

from django.db import transaction

from apps.accounts.models import AuditEntry, Merchant, User
from apps.accounts.services import record_audit
from apps.dunning.rules import RetryRules
from apps.retry_settings.models import RetrySettings

OBSERVE = RetryRules(engine="stripe", strategy="smart", name="Stripe retries")
"""Day one: Stripe retries and Recoup watches, until the merchant chooses."""

ACTION = "retry_settings.save"


@dataclass(frozen=True, slots=True)
class StoredRules:
    """The rules in force and the version a form opened now carries; 0 before the first save."""

    rules: RetryRules
    version: int


class SettingsChanged(Exception):
    """Somebody else saved since the form was opened.

    `version` and `rules` stand now; `by` and `at` say who saved them and when.
    """

    def __init__(self, *, version: int, rules: RetryRules, saved: AuditEntry | None) -> None:
        super().__init__("Somebody changed the retry settings meanwhile.")
        self.version = version
        self.rules = rules
        self.by = saved.actor if saved else ""
        self.at = saved.at if saved else None


def stored_rules(merchant: Merchant) -> StoredRules:
    """Give the rules in force with their version."""
    found = RetrySettings.objects.filter(merchant=merchant).first()
    if found is None:
        return StoredRules(rules=OBSERVE, version=0)
    return StoredRules(rules=RetryRules.from_json(found.rules), version=found.version)


def save_rules(
    *,
    merchant: Merchant,
    rules: RetryRules,
    expected_version: int,
    user: User | None,
    now: dt.datetime,
) -> RetrySettings:
    """Keep new rules; they hold for cases that open from now on.

    `expected_version` is the one the form was opened with.

    Raises:
        RulesError: the rules cannot be carried out.
        SettingsChanged: another version was saved since.
    """
    rules.validate()
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        current = stored_rules(merchant)
        if current.version != expected_version:
            saved_by = AuditEntry.objects.filter(merchant=merchant, action=ACTION).first()
            raise SettingsChanged(version=current.version, rules=current.rules, saved=saved_by)
        saved, _ = RetrySettings.objects.update_or_create(
            merchant=merchant,
            defaults={
                "rules": rules.to_json(),
                "version": expected_version + 1,
                "updated_at": now,
            },
        )
        record_audit(
            merchant=merchant,
            user=user,
            action=ACTION,
            at=now,
            before=current.rules.to_json(),
            after=saved.rules,
        )
    return saved
