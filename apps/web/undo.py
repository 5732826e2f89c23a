"""Undo beside the result of a private change, until the next page."""

from django.contrib import messages
from django.http import HttpRequest


def offer_undo(request: HttpRequest, text: str, *, url: str) -> None:
    """Say what was done and offer to take it back by a POST to `url`."""
    messages.success(request, text, extra_tags=url)
