"""Writes of exports: asking for one, running it, mailing it, letting it go."""

from apps.exports.services.asking import (
    RUNNING_LIMIT,
    TooManyRunning,
    Wish,
    ask_export,
    cancel_export,
    delete_export,
    note_download,
    note_streamed,
    retry_export,
)
from apps.exports.services.mailing import mail_export, unmailed_exports
from apps.exports.services.running import (
    claimable_exports,
    expire_exports,
    file_head,
    line_chunks,
    run_export,
)

__all__ = [
    "RUNNING_LIMIT",
    "TooManyRunning",
    "Wish",
    "ask_export",
    "cancel_export",
    "claimable_exports",
    "delete_export",
    "expire_exports",
    "file_head",
    "line_chunks",
    "mail_export",
    "note_download",
    "note_streamed",
    "retry_export",
    "run_export",
    "unmailed_exports",
]
