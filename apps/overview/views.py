"""Pages that stand above all others."""

import datetime as dt

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps.overview import queries


@never_cache
@require_GET
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while everything works, else 503 with the failing parts named.

    For load balancers: no sign-in and no session; it tells nothing about merchants.
    """
    health = queries.health(now=dt.datetime.now(dt.UTC))
    return JsonResponse(
        {
            "status": "failing" if health.failing else "ok",
            "failing": health.failing,
            "parts": health.parts,
            "seconds_since_webhook": health.seconds_since_webhook,
        },
        status=503 if health.failing else 200,
    )
