"""The figures against a script of plain SQL that knows nothing of the product's code."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection

from apps.analytics.queries.report import Period, Report, report
from apps.analytics.services import count_everything_again
from apps.recovery.models import RecoveryCase
from apps.transactions.models import Transaction
from tests.accounts.factories import MerchantFactory
from tests.analytics.crowd import NOW, make_crowd
from tests.subscriptions.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db

SCRIPT = Path(__file__).with_name("independent.sql").read_text()
DAY = dt.timedelta(days=1)
STATUSES = ("recovered", "lost", "stopped", "open")


def independent(merchant, period: Period, currency: str) -> dict[str, Decimal]:
    values = {
        "merchant": merchant.pk,
        "zone": merchant.time_zone,
        "first": period.first,
        "last": period.last,
        "currency": currency,
    }
    with connection.cursor() as cursor:
        cursor.execute(SCRIPT, values)
        return {name: Decimal(value) for name, value in cursor.fetchall() if value is not None}


def ours(found: Report) -> dict[str, Decimal]:
    total, outcomes = found.total, found.total.outcomes
    named: dict[str, float | None] = {
        "first tries": total.first_tries,
        "first tries minor": total.first_tries_minor,
        "first failed": total.first_failed,
        "first failed minor": total.first_failed_minor,
        "came back": total.came_back,
        "came back minor": total.came_back_minor,
        "retries": found.retry_success.whole,
        "retries paid": found.retry_success.part,
        "ended": total.ended,
        "ended unpaid": total.ended_unpaid,
    }
    for status in STATUSES:
        if number := getattr(outcomes, status):
            named[f"{status} cases"] = number
            named[f"{status} minor"] = getattr(outcomes, f"{status}_minor")
    for dimension in ("number", "slot", "reason"):
        for part in found.by(dimension):
            if part.tries:
                named[f"retries {dimension} {part.key}"] = part.tries
            if dimension == "reason" and part.outcomes.failed:
                named[f"failed reason {part.key}"] = part.outcomes.failed_minor
    return {name: Decimal(value) for name, value in named.items() if value is not None}


@pytest.fixture
def merchant():
    """A crowd in two currencies, in a zone where the clocks changed meanwhile."""
    merchant = MerchantFactory(time_zone="America/New_York")
    make_crowd(merchant, cases=100, days=80)
    invoices = RecoveryCase.objects.order_by("pk").values_list("stripe_invoice_id", flat=True)
    every_second = list(invoices)[::2]
    RecoveryCase.objects.filter(stripe_invoice_id__in=every_second).update(currency="eur")
    Transaction.objects.filter(stripe_id__in=every_second).update(currency="eur")
    for unpaid in (True, False, True):
        SubscriptionFactory(
            merchant=merchant,
            status="canceled",
            ended_at=NOW - 5 * DAY,
            ended_for_nonpayment=unpaid,
        )
    count_everything_again(merchant=merchant)
    return merchant


def test_every_figure_agrees_to_the_cent(merchant):
    """Once over all periods, since making a crowd is slow; at last a cent of difference shows."""
    today = NOW.astimezone(merchant.zone).date()
    for days, currency in ((30, "usd"), (30, "eur"), (90, "usd"), (7, "eur")):
        period = Period(today - (days - 1) * DAY, today)
        theirs = independent(merchant, period, currency)
        found = report(merchant=merchant, period=period, currency=currency)
        middles = {name: theirs.pop(name, None) for name in ("median hours", "mean hours")}
        assert theirs == ours(found)
        assert days < 30 or theirs["recovered cases"] > 0
        if found.total.median_days is not None:
            assert found.total.median_days * 24 == pytest.approx(float(middles["median hours"]))
            assert found.total.mean_days * 24 == pytest.approx(float(middles["mean hours"]))

    case = RecoveryCase.objects.filter(status="recovered", currency="usd").latest("failed_at")
    RecoveryCase.objects.filter(pk=case.pk).update(recovered_minor=case.recovered_minor + 1)
    period = Period(today - 89 * DAY, today)
    found = report(merchant=merchant, period=period, currency="usd")
    theirs = independent(merchant, period, "usd")
    assert theirs["recovered minor"] == found.total.outcomes.recovered_minor + 1
