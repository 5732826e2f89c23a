"""What htmx asked for."""

from typing import cast

from django.http import HttpRequest
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
