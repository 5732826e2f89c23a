"""Pages of recovery: the list of cases, one case, and what people may do to it."""

from apps.recovery.views.actions import reopen_case, retry_case, stop_case
from apps.recovery.views.applying import apply_rules
from apps.recovery.views.bulk import bulk_cases, bulk_result, start_bulk_cases
from apps.recovery.views.calendar import (
    calendar_feed,
    calendar_page,
    close_calendar_feed,
    open_calendar_feed,
)
from apps.recovery.views.case import case_page
from apps.recovery.views.cases import case_list
from apps.recovery.views.holding import hold_case, release_case, write_off_case
from apps.recovery.views.imported import take_over_imported
from apps.recovery.views.notes import note_case

__all__ = [
    "apply_rules",
    "bulk_cases",
    "bulk_result",
    "calendar_feed",
    "calendar_page",
    "case_list",
    "case_page",
    "close_calendar_feed",
    "hold_case",
    "note_case",
    "open_calendar_feed",
    "release_case",
    "reopen_case",
    "retry_case",
    "start_bulk_cases",
    "stop_case",
    "take_over_imported",
    "write_off_case",
]
