"""Take access on a failed payment and give it back on success. Each call is safe to repeat.

Revoking keeps billing and progress; automatic changes never trigger grant automations; only what
was taken automatically is given back, and a person's revoke stays.
"""

from apps.customer_payments.services.by_hand import NotNow, grant, hold, release, revoke
from apps.customer_payments.services.opened import plan_next, plan_runs
from apps.customer_payments.services.reacting import react_to
from apps.customer_payments.services.settings import (
    CountChanged,
    SettingsChanged,
    chosen_rules,
    save_settings,
    settings_for,
    take_over,
)
from apps.customer_payments.services.stepping import carry_out_step, due_steps
from apps.customer_payments.services.sweeping import sweep

__all__ = [
    "CountChanged",
    "NotNow",
    "SettingsChanged",
    "carry_out_step",
    "chosen_rules",
    "due_steps",
    "grant",
    "hold",
    "plan_next",
    "plan_runs",
    "react_to",
    "release",
    "revoke",
    "save_settings",
    "settings_for",
    "sweep",
    "take_over",
]
