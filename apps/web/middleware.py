"""An id for every request, and a policy of its own for the operator's admin."""

import re
import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps import logs

GetResponse = Callable[[HttpRequest], HttpResponseBase]

HEADER = "X-Request-ID"
ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdMiddleware:
    """Puts an id on the answer and on every log line written meanwhile.

    A proxy may give it in the same header; what does not look like an id is replaced.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get(HEADER, "")
        # With a letter: sixteen digits could be taken for a card number.
        request_id = given if ACCEPTED.fullmatch(given) else f"r{secrets.token_hex(8)}"
        # Django reports a 4xx after the last middleware: its line finds the id on the request.
        request.request_id = request_id  # type: ignore[attr-defined]
        with logs.about(request_id=request_id):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response


class AdminPolicyMiddleware:
    """Gives the admin its own Content-Security-Policy; stands inside django-csp's middleware."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        match = request.resolver_match
        if match is not None and match.app_name == "admin":
            response._csp_replace = (  # type: ignore[attr-defined]
                settings.ADMIN_CONTENT_SECURITY_POLICY
            )
        return response
