"""Error pages, and what a person keeps of their own."""

from apps.web.views.errors import bad_request, csrf_failure, forbidden, not_found, server_error
from apps.web.views.preferences import (
    delete_view,
    rename_view,
    restore_view,
    save_columns,
    save_view,
    set_single_keys,
)
from apps.web.views.styleguide import styleguide

__all__ = [
    "bad_request",
    "csrf_failure",
    "delete_view",
    "forbidden",
    "not_found",
    "rename_view",
    "restore_view",
    "save_columns",
    "save_view",
    "server_error",
    "set_single_keys",
    "styleguide",
]
