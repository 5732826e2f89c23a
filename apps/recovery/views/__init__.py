"""Pages of recovery: the list of cases, one case, and what people may do to it."""

from apps.recovery.views.actions import reopen_case, retry_case, stop_case
from apps.recovery.views.case import case_page
from apps.recovery.views.cases import case_list
from apps.recovery.views.imported import take_over_imported
from apps.recovery.views.notes import note_case

__all__ = [
    "case_list",
    "case_page",
    "note_case",
    "reopen_case",
    "retry_case",
    "stop_case",
    "take_over_imported",
]
