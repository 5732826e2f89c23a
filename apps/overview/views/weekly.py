"""The weekly review as a page: one week, and the way to those before it."""

import datetime as dt

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.analytics.models import WeeklyReview
from apps.analytics.services import alert_settings_for
from apps.dunning.metrics.weekly import week_before
from apps.overview.alert_links import hint_link
from apps.overview.weekly import review_of

WEEK = dt.timedelta(days=7)


@require_GET
@allow(Role.VIEWER)
def weekly(request: MerchantRequest) -> HttpResponse:
    """Show a week that is over: the last one, or the one in the address."""
    merchant, now = request.merchant, clock.now()
    latest = week_before(now.astimezone(merchant.zone).date())
    first = _monday(request.GET.get("week", ""), latest)
    found = review_of(merchant=merchant, first=first, now=now)
    kept = WeeklyReview.objects.filter(merchant=merchant, week=first).first()
    context = {
        "review": found,
        "hints": [(hint, hint_link(hint.topic, hint.key)) for hint in found.hints],
        "first": first,
        "last": first + WEEK - dt.timedelta(days=1),
        "earlier": first - WEEK,
        "later": first + WEEK if first < latest else None,
        "mailed_at": kept.mailed_at if kept else None,
        "choices": alert_settings_for(merchant),
    }
    return render(request, "overview/weekly.html", context)


def _monday(text: str, latest: dt.date) -> dt.date:
    """Read a day, and give its week's Monday; the latest week for nonsense and days to come."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return latest
    return min(max(day - dt.timedelta(days=day.weekday()), dt.date(2000, 1, 3)), latest)
