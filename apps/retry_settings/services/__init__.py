"""Read and write a merchant's retry rules: the ones for everybody, and those of segments."""

from apps.retry_settings.services.choosing import rules_by_policy, rules_chooser, rules_for
from apps.retry_settings.services.notes import save_stripe_notes, stripe_notes
from apps.retry_settings.services.policies import (
    NameTaken,
    delete_policy,
    move_policy,
    save_policy,
)
from apps.retry_settings.services.rules import (
    OBSERVE,
    SettingsChanged,
    StoredRules,
    save_rules,
    stored_rules,
)

__all__ = [
    "OBSERVE",
    "NameTaken",
    "SettingsChanged",
    "StoredRules",
    "delete_policy",
    "move_policy",
    "rules_by_policy",
    "rules_chooser",
    "rules_for",
    "save_policy",
    "save_rules",
    "save_stripe_notes",
    "stored_rules",
    "stripe_notes",
]
