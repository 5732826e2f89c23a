"""The demo's mailbox: mail goes into files instead of the world, and a page shows it.

Whoever plays the customer opens their mail here.
"""

import email
import email.policy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage as Message
from email.utils import parsedate_to_datetime
from pathlib import Path

from csp.constants import NONE, SELF
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow

SHOWN = 100
NAME = re.compile(r"\d{14}-[0-9a-f]{8}")
POLICY = {
    "default-src": [NONE],
    "script-src": [NONE],
    "form-action": [NONE],
    "style-src": ["'unsafe-inline'"],
    "img-src": [SELF],
    "frame-ancestors": [SELF],
}


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail as it lies in the box."""

    name: str
    to: str
    subject: str
    at: datetime
    text: str
    html: str


def folder() -> Path:
    """Return where the letters lie: beside the file that tells the time."""
    file: Path | None = settings.CLOCK_OFFSET_FILE
    if file is None:
        raise LookupError("no sandbox moves the clock here")
    return file.parent / "outbox"


class EmailBackend(BaseEmailBackend):
    """Puts every message into a file, whole or not at all."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        box = folder()
        box.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            data = message.message().as_bytes()
            mark = f"{abs(hash(data)):016x}"[-8:]
            name = f"{clock.now():%Y%m%d%H%M%S}-{mark}"
            fresh = box / f"{name}.new"
            fresh.write_bytes(data)
            fresh.replace(box / f"{name}.eml")
        return len(email_messages)


@require_GET
@never_cache
@allow(Role.VIEWER)
def box(request: MerchantRequest) -> HttpResponse:
    """Show the letters, the newest first."""
    files = sorted(folder().glob("*.eml"), reverse=True)[:SHOWN]
    return render(request, "console/outbox.html", {"letters": [_read(file) for file in files]})


@require_GET
@never_cache
@allow(Role.VIEWER)
def letter(request: MerchantRequest, name: str) -> HttpResponse:
    """Show one letter as its reader gets it, and as plain text."""
    return render(request, "console/letter.html", {"letter": _find(name)})


@require_GET
@never_cache
@xframe_options_sameorigin
@allow(Role.VIEWER)
def letter_html(request: MerchantRequest, name: str) -> HttpResponse:
    """Show the letter alone, to be framed; its links open outside the frame."""
    html = _find(name).html.replace("<head>", '<head><base target="_top">', 1)
    response = HttpResponse(html)
    response._csp_replace = POLICY  # type: ignore[attr-defined]
    return response


def _find(name: str) -> Letter:
    file = folder() / f"{name}.eml"
    if not NAME.fullmatch(name) or not file.exists():
        raise Http404("no such letter")
    return _read(file)


def _read(file: Path) -> Letter:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    return Letter(
        name=file.stem,
        to=str(message["To"]),
        subject=str(message["Subject"]),
        at=parsedate_to_datetime(str(message["Date"])),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: Message, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
