"""Gather what a merchant's week is judged by; reads only."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from django.db.models import Count, Q, QuerySet, Sum

from apps.accounts.models import Merchant
from apps.analytics.models import DayBreakdown
from apps.dunning.metrics.rates import Share
from apps.dunning.metrics.weekly import Person, ReasonTrend, WeekFacts, is_near_payday
from apps.dunning_emails.models import Mail
from apps.overview.watched import trends_of, words_of
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.queries.listing import customers_of
from apps.retry_settings.services import stored_rules
from apps.subscriptions.models import Subscription
from apps.web.formats import locale_of

Dimension, Step = DayBreakdown.Dimension, RecoveryCase.Step

WEEK, DAY = dt.timedelta(days=7), dt.timedelta(days=1)
PAYDAYS_WITHIN = dt.timedelta(days=90)
DAYS_OF_A_MONTH = 30.44

ONLY_THEY = (Step.NEW_CARD, Step.AUTHENTICATION, Step.NO_METHOD)
"""What only the customer can do something about."""

LOOKED_AT = 100
"""Open cases, largest of each currency first, among which people are chosen."""


def week_facts(*, merchant: Merchant, first: dt.date, now: dt.datetime) -> WeekFacts:
    """Gather the week that begins on a Monday; about ten queries, however long the history.

    People are those who wait at `now`.
    """
    last = first + WEEK - DAY
    rows = DayBreakdown.objects.for_merchant(merchant).filter(day__lte=last)
    five = rows.filter(day__gt=last - 5 * WEEK)
    week, before = _shares(five.filter(dimension=Dimension.NUMBER), first)
    near, other = _by_payday(rows.filter(day__gt=last - PAYDAYS_WITHIN))
    rules = stored_rules(merchant).rules
    ladders = (rules.steps, *rules.table.values())
    return WeekFacts(
        first=first,
        retries=week,
        before=before,
        reasons=list(_reasons(merchant, five.filter(dimension=Dimension.REASON), first)),
        trends=tuple(trends_of(merchant, last)),
        near_payday=near,
        other_days=other,
        follows_paydays=any(step.payday_within_days for ladder in ladders for step in ladder),
        people=list(_people(merchant, now)),
    )


def _sums(first: dt.date) -> dict[str, Sum]:
    inside = Q(day__gte=first)
    return {
        "ran": Sum("tries", filter=inside, default=0),
        "paid": Sum("tries_paid", filter=inside, default=0),
        "ran_before": Sum("tries", filter=~inside, default=0),
        "paid_before": Sum("tries_paid", filter=~inside, default=0),
    }


def _shares(rows: "QuerySet[DayBreakdown]", first: dt.date) -> tuple[Share, Share]:
    found = rows.aggregate(**_sums(first))
    return _two(found)


def _two(found: Mapping[str, Any]) -> tuple[Share, Share]:
    """Give the share of the week and the one of the weeks before."""
    return (
        Share(found["paid"], found["ran"], found["ran"]),
        Share(found["paid_before"], found["ran_before"], found["ran_before"]),
    )


def _reasons(
    merchant: Merchant, rows: "QuerySet[DayBreakdown]", first: dt.date
) -> Iterator[ReasonTrend]:
    locale = locale_of(merchant.locale)
    found = rows.values("key").annotate(**_sums(first)).order_by("key")
    for row in cast("Iterable[dict[str, Any]]", found):
        yield ReasonTrend(row["key"], words_of("reason", row["key"], locale=locale), *_two(row))


def _by_payday(rows: "QuerySet[DayBreakdown]") -> tuple[Share, Share]:
    """Give retries for lack of funds near paydays, and those of other days."""
    sums: dict[bool, list[int]] = defaultdict(lambda: [0, 0])
    days = rows.filter(dimension=Dimension.REASON, key="insufficient_funds").values("day")
    for row in days.annotate(ran=Sum("tries"), paid=Sum("tries_paid")):
        found = sums[is_near_payday(row["day"])]
        found[0] += row["ran"]
        found[1] += row["paid"]
    near, other = (Share(paid, ran, ran) for ran, paid in (sums[True], sums[False]))
    return near, other


def _people(merchant: Merchant, now: dt.datetime) -> Iterator[Person]:
    open_ = RecoveryCase.objects.for_merchant(merchant).filter(
        status=RecoveryCase.Status.OPEN, next_step__in=ONLY_THEY, hold=""
    )
    cases = list(open_.order_by("-amount_due_minor", "id")[:LOOKED_AT])
    names = customers_of(merchant=merchant, cases=cases)
    since = dict(
        Subscription.objects.for_merchant(merchant)
        .filter(stripe_subscription_id__in={case.stripe_subscription_id for case in cases} - {""})
        .values_list("stripe_subscription_id", "started_at")
    )
    sent = dict(
        Mail.objects.filter(case__in=cases, status__in=Mail.GONE)
        .values_list("case")
        .annotate(number=Count("pk"))
    )
    opened = set(
        CaseEvent.objects.filter(case__in=cases, kind=CaseEvent.Kind.LINK_USED).values_list(
            "case_id", flat=True
        )
    )
    for case in cases:
        customer = names.get(case.stripe_customer_id)
        began = since.get(case.stripe_subscription_id, now)
        yield Person(
            case_id=case.pk,
            name=customer.display_name if customer else case.stripe_customer_id,
            amount_minor=case.amount_due_minor,
            currency=case.currency,
            months=int((now - began).days / DAYS_OF_A_MONTH),
            mails=sent.get(case.pk, 0),
            opened_link=case.pk in opened,
            can_act=True,
        )
