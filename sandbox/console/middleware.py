"""Puts the bar on every page."""

import re
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string

from sandbox.console.stories import playing
from sandbox.console.views import bar_context

_BODY = re.compile(rb"<body[^>]*>")


class ConsoleMiddleware:
    """Adds the bar to whole HTML pages; fragments, downloads and the admin stay as they are."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not isinstance(response, HttpResponse) or not _is_page(request, response):
            return response
        start = _BODY.search(response.content)
        if start is not None:
            context = {**bar_context(request), **playing(request)}
            bar = render_to_string("console/frame.html", context, request).encode()
            response.content = (
                response.content[: start.end()] + bar + response.content[start.end() :]
            )
            if response.has_header("Content-Length"):
                response["Content-Length"] = str(len(response.content))
        return response


def _is_page(request: HttpRequest, response: HttpResponse) -> bool:
    return (
        response.get("Content-Type", "").startswith("text/html")
        and not response.has_header("Content-Encoding")
        and "HX-Request" not in request.headers
        # A mail in its frame.
        and response.get("X-Frame-Options") != "SAMEORIGIN"
        and not request.path.startswith(("/admin/", "/pay/"))
    )
