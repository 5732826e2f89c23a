"""Mark days that changed, and count them; keep what was found to be wrong."""

from apps.analytics.services.alerting import (
    alert_settings_for,
    claim_mail,
    keep_findings,
    save_alert_settings,
)
from apps.analytics.services.counting import count_days, count_everything_again
from apps.analytics.services.marking import mark_all_days, mark_case, mark_moments

__all__ = [
    "alert_settings_for",
    "claim_mail",
    "count_days",
    "count_everything_again",
    "keep_findings",
    "mark_all_days",
    "mark_case",
    "mark_moments",
    "save_alert_settings",
]
