"""The retry calendar, and its feed for calendar programs."""

import datetime as dt

from babel.dates import get_day_names, get_month_names
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET, require_POST, require_safe
from icalendar import Calendar, Event

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.recovery.calendar import Day, month_of, planned_days
from apps.recovery.models import CalendarFeed
from apps.recovery.services.feed import close_feed, membership_of, open_feed
from apps.web.formats import format_money, locale_of

FEED_DAYS = 60
"""How far ahead the feed looks."""


@require_GET
@allow(Role.VIEWER)
def calendar_page(request: MerchantRequest) -> HttpResponse:
    """Show one month of planned tries; without a valid month in the address, the present one."""
    return _page(request)


@require_POST
@allow(Role.VIEWER)
def open_calendar_feed(request: MerchantRequest) -> HttpResponse:
    """Make a secret address of this person's own and show it, this once.

    Answered at once, without a redirect: the address must not be kept anywhere in between.
    """
    token = open_feed(membership=request.membership, now=clock.now())
    url = request.build_absolute_uri(reverse("recovery:calendar_feed", args=[token]))
    return _page(request, feed_url=url)


@require_POST
@allow(Role.VIEWER)
def close_calendar_feed(request: MerchantRequest) -> HttpResponse:
    """Make this person's address stop working."""
    close_feed(membership=request.membership, now=clock.now())
    return redirect(f"{reverse('recovery:calendar')}#feed")


@require_safe
def calendar_feed(request: HttpRequest, token: str) -> HttpResponse:
    """Give a calendar program the days to come: counts and amounts, no customer.

    The secret in the address is the check; a wrong one finds nothing.
    """
    membership = membership_of(token)
    if membership is None:
        raise Http404
    merchant, now = membership.merchant, clock.now()
    today = now.astimezone(merchant.zone).date()
    days = planned_days(
        merchant=merchant, first=today, last=today + dt.timedelta(days=FEED_DAYS), now=now
    )
    feed = Calendar()
    feed.add("prodid", "-//Recoup//Retry calendar//EN")
    feed.add("version", "2.0")
    feed.add("x-wr-calname", gettext("Retries of %(store)s") % {"store": merchant.name})
    feed.add("refresh-interval", dt.timedelta(hours=1), parameters={"value": "DURATION"})
    for day in days.values():
        feed.add_component(_event(request, merchant, day, now))
    response = HttpResponse(feed.to_ical(), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="recoup-retries.ics"'
    response["Referrer-Policy"] = "no-referrer"
    patch_cache_control(response, no_store=True, private=True)
    return response


def _event(request: HttpRequest, merchant: Merchant, day: Day, now: dt.datetime) -> Event:
    retries = ngettext("%(n)d retry", "%(n)d retries", day.count) % {"n": day.count}
    amounts = ", ".join(format_money(one, locale=merchant.locale) for one in day.amounts)
    event = Event()
    event.add("uid", f"retries-{merchant.pk}-{day.date:%Y%m%d}@recoup")
    event.add("dtstamp", now)
    event.add("dtstart", day.date)
    event.add("dtend", day.date + dt.timedelta(days=1))
    event.add("summary", f"{retries}, {amounts}")
    event.add("transp", "TRANSPARENT")
    url = f"{reverse('recovery:list')}?next_from={day.date}&next_to={day.date}&view=retrying"
    event.add("url", request.build_absolute_uri(url))
    return event


def _page(request: MerchantRequest, *, feed_url: str = "") -> HttpResponse:
    merchant, now = request.merchant, clock.now()
    locale = locale_of(merchant.locale)
    today = now.astimezone(merchant.zone).date()
    month = _month(request.GET.get("month", ""), today)
    starts = locale.first_week_day
    weeks = month_of(merchant=merchant, month=month, week_starts=starts, now=now)
    day_names = get_day_names("wide", locale=locale)
    month_name = get_month_names("wide", context="stand-alone", locale=locale)[month.month]
    context = {
        "weeks": weeks,
        "weekdays": [day_names[(starts + place) % 7] for place in range(7)],
        "title": f"{month_name} {month.year}",
        "previous": (month - dt.timedelta(days=1)).strftime("%Y-%m"),
        "following": (month + dt.timedelta(days=31)).strftime("%Y-%m"),
        "is_this_month": month == today.replace(day=1),
        "count": sum(day.count for week in weeks for day in week if day.in_month),
        "mails": sum(day.mails for week in weeks for day in week if day.in_month),
        "has_feed": CalendarFeed.objects.filter(membership=request.membership).exists(),
        "feed_url": feed_url,
    }
    return render(request, "recovery/calendar.html", context)


def _month(text: str, today: dt.date) -> dt.date:
    try:
        month = dt.date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)
    # A century is enough, and arithmetic at the ends of time is not.
    return month if abs(month.year - today.year) < 100 else today.replace(day=1)
