"""The figures of a lived month: counted as it happened, counted again, and by plain SQL."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.forms.models import model_to_dict

from apps.analytics import services
from apps.analytics.models import DayBreakdown, DayFigures, DayToCount
from apps.analytics.queries.report import Period, choices, report
from apps.recovery.models import RecoveryCase
from apps.transactions.models import Transaction
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import CaseFactory
from tests.story.conftest import make_world, world  # noqa: F401
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

NEW_YORK = ZoneInfo("America/New_York")
DAY = dt.timedelta(days=1)


def rows():
    found = [
        model_to_dict(row, exclude=["id"])
        for model in (DayFigures, DayBreakdown)
        for row in model.objects.order_by("pk")
    ]
    return sorted(found, key=repr)


def by_sql(query, *params):
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchall()


@pytest.fixture
def lived(world):  # noqa: F811
    """A month of customers whose renewals end in different ways."""
    world.choose()
    world.subscribe([{"do": "decline", "reason": "insufficient_funds", "times": 1}])
    world.subscribe([{"do": "decline", "reason": "processing_error", "times": 2}], currency="jpy")
    world.subscribe([{"do": "decline", "reason": "lost_card"}])
    world.until_the_renewal_failed()
    services.count_days(limit=1_000)
    world.advance(4 * DAY)
    services.count_days(limit=1_000)
    return world


def test_a_lived_month(lived):
    """Once, since living a month is slow: what four questions ask of the same figures."""
    live = rows()
    assert live
    services.count_everything_again(merchant=lived.merchant)
    assert rows() == live
    DayFigures.objects.all().delete()
    DayBreakdown.objects.all().delete()
    services.count_everything_again(merchant=lived.merchant)
    assert rows() == live

    figures_agree_with_plain_sql_to_the_cent(lived)
    retries_count_where_they_ran_and_not_the_first_charge(lived)
    each_recovery_has_one_cause()


def figures_agree_with_plain_sql_to_the_cent(lived):
    today = lived.now.astimezone(NEW_YORK).date()
    period = Period(today - 200 * DAY, today)
    found = {
        currency: report(merchant=lived.merchant, period=period, currency=currency).total
        for currency in choices(merchant=lived.merchant, period=period).currencies
    }

    assert set(found) == {"usd", "jpy"}
    for currency, total in found.items():
        outcomes = by_sql(
            """SELECT status, count(*), sum(CASE status WHEN 'recovered' THEN recovered_minor
                      ELSE amount_due_minor END)
               FROM recovery_recoverycase WHERE merchant_id = %s AND currency = %s GROUP BY 1""",
            lived.merchant.pk,
            currency,
        )
        for status, count, minor in outcomes:
            assert getattr(total.outcomes, status) == count
            assert getattr(total.outcomes, f"{status}_minor") == minor
        [(renewals, due, failed, failed_minor)] = by_sql(
            """SELECT count(*), sum(t.amount_minor), count(*) FILTER (WHERE f.status = 'failed'),
                      coalesce(sum(t.amount_minor) FILTER (WHERE f.status = 'failed'), 0)
               FROM transactions_transaction t
               JOIN LATERAL (SELECT status FROM recovery_try y
                             WHERE y.merchant_id = t.merchant_id
                               AND y.stripe_invoice_id = t.stripe_invoice_id
                             ORDER BY at, id LIMIT 1) f ON true
               WHERE t.merchant_id = %s AND t.currency = %s
                 AND t.billing_reason = 'subscription_cycle'""",
            lived.merchant.pk,
            currency,
        )
        assert (total.first_tries, total.first_tries_minor) == (renewals, due)
        assert (total.first_failed, total.first_failed_minor) == (failed, failed_minor)


def retries_count_where_they_ran_and_not_the_first_charge(lived):
    today = lived.now.astimezone(NEW_YORK).date()
    period = Period(today - 200 * DAY, today)
    ran = by_sql(
        """SELECT currency, count(*) FILTER (WHERE status = 'succeeded'), count(*) FROM (
               SELECT y.currency, y.status, row_number() OVER
                   (PARTITION BY y.stripe_invoice_id ORDER BY y.at, y.id) AS place
               FROM recovery_try y JOIN recovery_recoverycase c
                 ON c.merchant_id = y.merchant_id AND c.stripe_invoice_id = y.stripe_invoice_id
               WHERE y.merchant_id = %s AND y.reached_network) numbered
           WHERE place > 1 GROUP BY currency""",
        lived.merchant.pk,
    )

    assert ran
    for currency, paid, tries in ran:
        success = report(merchant=lived.merchant, period=period, currency=currency).retry_success
        assert (success.part, success.whole) == (paid, tries)


def each_recovery_has_one_cause():
    recovered = RecoveryCase.objects.filter(status="recovered").count()
    causes = DayBreakdown.objects.filter(dimension="cause")

    assert recovered
    assert sum(row.recovered for row in causes) == recovered
    assert {row.key for row in causes} == {"our_try"}


class TestWhereThingsCount:
    @pytest.fixture
    def merchant(self):
        return MerchantFactory()

    def figures(self, merchant, day):
        services.count_everything_again(merchant=merchant)
        return DayFigures.objects.filter(merchant=merchant, day=day)

    def test_a_day_is_the_merchants_own(self, merchant):
        late = dt.datetime(2026, 11, 3, 4, 30, tzinfo=dt.UTC)  # 11:30 PM on the 2nd in New York
        CaseFactory(merchant=merchant, failed_at=late, opened_at=late)

        assert self.figures(merchant, dt.date(2026, 11, 2)).get().open == 1
        assert not self.figures(merchant, dt.date(2026, 11, 3)).exists()

    def test_the_day_the_clocks_go_back_has_25_hours(self, merchant):
        last_hour = dt.datetime(2026, 11, 1, 23, 30, tzinfo=NEW_YORK)
        CaseFactory(merchant=merchant, failed_at=last_hour, opened_at=last_hour)

        assert self.figures(merchant, dt.date(2026, 11, 1)).get().open == 1

    def test_a_late_payment_corrects_the_day_of_the_failure(self, merchant):
        failed_at = dt.datetime(2026, 11, 2, 17, tzinfo=dt.UTC)
        case = CaseFactory(merchant=merchant, failed_at=failed_at, opened_at=failed_at)
        services.mark_case(case=case)
        services.count_days()
        case.status, case.end_reason = "recovered", "paid"
        case.closed_at, case.recovered_minor = failed_at + 6 * DAY, 14_900
        case.save()

        services.mark_case(case=case)
        services.count_days()

        failed_on = DayFigures.objects.get(day=dt.date(2026, 11, 2))
        assert (failed_on.open, failed_on.recovered, failed_on.recovered_hours) == (0, 1, [144])
        assert DayFigures.objects.get(day=dt.date(2026, 11, 8)).came_back_minor == 14_900

    def test_the_first_payment_after_a_trial_and_first_purchases_stay_out(self, merchant):
        for reason, after_trial in (
            ("subscription_cycle", False),
            ("subscription_cycle", True),
            ("subscription_create", False),
            ("manual", False),
        ):
            TransactionFactory(
                merchant=merchant, billing_reason=reason, is_after_trial=after_trial, tries=1
            )

        assert self.figures(merchant, dt.date(2026, 11, 22)).get().first_tries == 1

    def test_a_renewal_without_anything_to_charge_failed(self, merchant):
        TransactionFactory(
            merchant=merchant,
            billing_reason="subscription_cycle",
            tries=0,
            status=Transaction.Status.NEEDS_CARD,
            first_failed_at=dt.datetime(2026, 11, 22, 17, 5, tzinfo=dt.UTC),
        )

        found = self.figures(merchant, dt.date(2026, 11, 22)).get()
        assert (found.first_tries, found.first_failed) == (1, 1)

    def test_only_ends_for_non_payment_are_involuntary(self, merchant):
        ended_at = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
        for unpaid in (True, False, False):
            SubscriptionFactory(
                merchant=merchant,
                status="canceled",
                ended_at=ended_at,
                ended_for_nonpayment=unpaid,
            )
        SubscriptionFactory(merchant=merchant, status="completed", ended_at=ended_at)

        found = self.figures(merchant, dt.date(2026, 11, 20)).get()
        assert (found.ended, found.ended_unpaid) == (3, 1)

    def test_what_is_gone_is_counted_away(self, merchant):
        case = CaseFactory(merchant=merchant)
        assert self.figures(merchant, dt.date(2026, 11, 22)).exists()
        case.delete()

        assert not self.figures(merchant, dt.date(2026, 11, 22)).exists()

    def test_another_merchants_cases_do_not_count(self, merchant):
        CaseFactory()

        assert not self.figures(merchant, dt.date(2026, 11, 22)).exists()


def test_a_day_costs_the_same_whatever_the_history(django_assert_max_num_queries):
    merchant = MerchantFactory()
    moment = dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)
    for n in range(3):
        CaseFactory.create_batch(5, merchant=merchant, failed_at=moment - n * DAY)
    services.mark_moments(merchant=merchant, moments=[moment, moment, None])
    assert DayToCount.objects.count() == 1

    with django_assert_max_num_queries(20):
        assert services.count_days() == 1
    assert DayFigures.objects.get().open == 5


def test_a_report_takes_two_statements(django_assert_num_queries):
    merchant = MerchantFactory()
    CaseFactory.create_batch(3, merchant=merchant)
    services.count_everything_again(merchant=merchant)
    period = Period(dt.date(2026, 11, 1), dt.date(2026, 11, 30))

    with django_assert_num_queries(2):
        found = report(merchant=merchant, period=period, currency="usd", compare=True)

    assert found.total.outcomes.open == 3
    assert found.previous.outcomes.failed == 0
    assert found.total.outcomes.rate.value is None
    assert [part.key for part in found.by("strategy")] == ["decline_aware"]
