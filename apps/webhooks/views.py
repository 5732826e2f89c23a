"""Where Stripe's events arrive."""

import logging
import time

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps import clock
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import BadSignature
from apps.webhooks import services

logger = logging.getLogger(__name__)

MAX_BODY = 1024 * 1024
"""Bytes; Stripe's events are far smaller."""

WAKE_AFTER = 1.0
"""Seconds: the events of one payment arrive together and cost one read if we wait for them."""


@csrf_exempt
@require_POST
def stripe(request: HttpRequest) -> HttpResponse:
    """Keep one signed event and answer at once; a worker does the rest.

    413 over 1 MB and 400 for a signature that is not Stripe's: nothing is read from or written
    to the database for either. No session, user or merchant is looked at.
    """
    if _declared_length(request) > MAX_BODY or len(request.body) > MAX_BODY:
        return HttpResponse("The body is too large.", status=413, content_type="text/plain")
    now = clock.now()
    try:
        gateway.verify_signature(
            body=request.body,
            header=request.headers.get("Stripe-Signature", ""),
            secrets=settings.STRIPE_WEBHOOK_SECRETS,
            now=now,
        )
    except BadSignature as error:
        logger.warning("A webhook was refused: %s", error)
        return HttpResponse("The signature is not valid.", status=400, content_type="text/plain")
    services.receive(body=request.body, now=now)
    transaction.on_commit(wake.now)
    return HttpResponse("ok", content_type="text/plain")


class _Wake:
    """Asks a worker to drain the inbox, at most once in the time the worker waits anyway."""

    def __init__(self) -> None:
        self._asked_at = float("-inf")

    def now(self) -> None:
        """Send one message unless one is on its way; a missing broker fails nobody.

        The worker that an earlier message wakes starts later than this event was kept, so it sees
        it. Where the message is lost, beat wakes a worker within a minute.
        """
        moment = time.monotonic()
        if moment - self._asked_at < WAKE_AFTER * 0.8:
            return
        self._asked_at = moment
        try:
            current_app.send_task("webhooks.drain", countdown=WAKE_AFTER, retry=False)
        except Exception:
            logger.warning("The broker is not reachable; beat will wake a worker.", exc_info=True)


wake = _Wake()


def _declared_length(request: HttpRequest) -> int:
    declared = request.headers.get("Content-Length", "")
    return int(declared) if declared.isascii() and declared.isdecimal() else 0
