"""The week of a merchant that is over: judged, and mailed once on Monday morning."""

import datetime as dt
import logging

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext

from apps.accounts.models import Merchant
from apps.analytics.models import WeeklyReview
from apps.analytics.services import alert_settings_for
from apps.dunning.metrics.weekly import Review, review, week_before
from apps.dunning.money import Money
from apps.overview.watch import addresses_of, send_quietly
from apps.overview.watched import is_being_counted
from apps.overview.weekly_facts import week_facts
from apps.web.formats import format_money

logger = logging.getLogger(__name__)

MAIL_FROM_HOUR = 8
"""On Monday, in the merchant's zone."""
LATE_FROM_WEEKDAY = 4
"""From Friday on a week is kept as reviewed, and its mail is not sent any more."""


def review_everybody(*, now: dt.datetime) -> int:
    """Review each merchant's last week, once; answers how many mails went out.

    What goes wrong with one merchant keeps nobody from the others.
    """
    mails = 0
    for merchant in Merchant.objects.exclude(stripe_account_id="").order_by("id"):
        try:
            mails += review_once(merchant=merchant, now=now)
        except Exception:
            logger.exception("The week of %s could not be reviewed.", merchant)
    return mails


def review_of(*, merchant: Merchant, first: dt.date, now: dt.datetime) -> Review:
    """Judge the week that begins on a Monday; people as they wait at `now`."""
    return review(
        facts=week_facts(merchant=merchant, first=first, now=now),
        thresholds=alert_settings_for(merchant).thresholds,
    )


def review_once(*, merchant: Merchant, now: dt.datetime) -> int:
    """Review the last week unless it was; answers how many mails went out.

    From Monday morning on in the merchant's zone, and not while days are being counted. The row
    is taken before anything is sent: at most one mail a week, even if sending fails.
    """
    local = now.astimezone(merchant.zone)
    first = week_before(local.date())
    if local.weekday() == 0 and local.hour < MAIL_FROM_HOUR:
        return 0
    if WeeklyReview.objects.filter(merchant=merchant, week=first).exists():
        return 0
    if is_being_counted(merchant=merchant):
        return 0
    found = review_of(merchant=merchant, first=first, now=now)
    mails = (
        found.is_worth_mailing
        and local.weekday() < LATE_FROM_WEEKDAY
        and alert_settings_for(merchant).mails_weekly
    )
    with transaction.atomic(durable=True):
        _row, is_ours = WeeklyReview.objects.get_or_create(
            merchant=merchant,
            week=first,
            defaults={"made_at": now, "mailed_at": now if mails else None},
        )
    return _mail(merchant, first, found) if is_ours and mails else 0


def _mail(merchant: Merchant, first: dt.date, found: Review) -> int:
    subject = gettext("%(store)s: your week") % {"store": merchant.name}
    text = _text(merchant, first, found)
    return sum(
        send_quietly(subject=subject, text=text, address=address)
        for address in addresses_of(merchant=merchant)
    )


def _text(merchant: Merchant, first: dt.date, found: Review) -> str:
    parts = [found.headline]
    if found.hints:
        parts.append(gettext("What to look at:"))
        parts += [f"- {hint.text} {hint.todo}" for hint in found.hints]
    if found.notes:
        parts.append(gettext("Worth a personal note:"))
    for note in found.notes:
        amount = Money(note.person.amount_minor, note.person.currency)
        case = f"{settings.PUBLIC_URL}{reverse('recovery:case', args=[note.person.case_id])}"
        words = format_money(amount, locale=merchant.locale)
        parts.append(f"- {note.person.name}, {words}: {note.why}.\n  {case}")
    page = f"{settings.PUBLIC_URL}{reverse('overview:weekly')}?week={first}"
    choose = f"{settings.PUBLIC_URL}{reverse('overview:alert_settings')}"
    parts.append(gettext("All of it, and the weeks before:") + f"\n{page}")
    parts.append(gettext("Choose what you hear about:") + f"\n{choose}")
    return "\n\n".join(parts) + "\n"
