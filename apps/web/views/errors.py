"""Error pages: no queries, no session, the same look."""

import logging
import secrets

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from apps import logs
from apps.web.shell import THEMES

log = logging.getLogger(__name__)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, "bad_request", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, "forbidden", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _error(request, "csrf", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _error(request, "not_found", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the request's id, by which the log lines are found."""
    error_id = str(logs.context().get("request_id") or secrets.token_hex(8))
    log.error("A page failed, shown to its reader as %s: %s", error_id, request.path)
    return _error(request, "broken", status=500, error_id=error_id)


def _error(request: HttpRequest, name: str, *, status: int, **context: str) -> HttpResponse:
    theme = request.COOKIES.get("theme", "")
    context["theme"] = theme if theme in THEMES else ""
    # Without the request: context processors would look at the session and the user.
    return HttpResponse(render_to_string(f"errors/{name}.html", context), status=status)
