"""What htmx asked for."""

from typing import cast
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails


def htmx_of(request: HttpRequest) -> HtmxDetails:
    """Return what the request says about htmx; falsy for an ordinary request."""
    return cast(HtmxDetails, request.htmx)  # type: ignore[attr-defined]


def wants_fragment(request: HttpRequest, *, target: str = "") -> bool:
    """Tell whether a part of the page is enough: htmx asks, and not to restore its history.

    With `target`, only when the answer goes into the element of that id.
    """
    htmx = htmx_of(request)
    if not htmx or htmx.history_restore_request:
        return False
    return not target or htmx.target == target


def render_list(
    request: HttpRequest, *, app: str, context: dict[str, object], query: str, title: str
) -> HttpResponse:
    """Answer with `<app>/list.html`, or `<app>/_fragment.html` when htmx asks for its results.

    A fragment carries the canonical address for the browser's bar and the page's new title.
    """
    if not wants_fragment(request, target="results"):
        return render(request, f"{app}/list.html", context | {"title": title})
    response = render(request, f"{app}/_fragment.html", context)
    response["HX-Push-Url"] = f"{request.path}?{query}" if query else request.path
    response["X-Page-Title"] = quote(f"{title} · Recoup")
    return response
