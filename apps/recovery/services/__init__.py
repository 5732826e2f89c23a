"""Carry out recovery. The public calls; each is safe to repeat."""

from apps.recovery.services.applying import apply_rules_to_open_cases, cases_with_older_rules
from apps.recovery.services.attempts import carry_out, due_attempts, run_attempt
from apps.recovery.services.customer_acts import note_bought_again, note_money_back
from apps.recovery.services.events import append_event
from apps.recovery.services.finishing import cases_to_finish, finish_case
from apps.recovery.services.fixing import Fixed, fix_and_collect, repeat_fixes
from apps.recovery.services.holding import hold_case, release_case
from apps.recovery.services.imported import (
    CountChanged,
    imported_cases_to_take_over,
    take_over_imported,
)
from apps.recovery.services.manual import NotNow, Started, reopen, retry_now, stop_case
from apps.recovery.services.notes import add_note
from apps.recovery.services.observing import (
    cases_to_read,
    observe_invoice,
    refresh_case,
)
from apps.recovery.services.settling import settle_attempt, unsettled_attempts
from apps.recovery.services.takeover import repeat_takeovers
from apps.recovery.services.writing_off import end_unconfirmed, mark_uncollectible

__all__ = [
    "CountChanged",
    "Fixed",
    "NotNow",
    "Started",
    "add_note",
    "append_event",
    "apply_rules_to_open_cases",
    "carry_out",
    "cases_to_finish",
    "cases_to_read",
    "cases_with_older_rules",
    "due_attempts",
    "end_unconfirmed",
    "finish_case",
    "fix_and_collect",
    "hold_case",
    "imported_cases_to_take_over",
    "mark_uncollectible",
    "note_bought_again",
    "note_money_back",
    "observe_invoice",
    "refresh_case",
    "release_case",
    "reopen",
    "repeat_fixes",
    "repeat_takeovers",
    "retry_now",
    "run_attempt",
    "settle_attempt",
    "stop_case",
    "take_over_imported",
    "unsettled_attempts",
]
