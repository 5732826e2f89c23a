import datetime as dt
import re

import pytest
from django.urls import reverse

from apps import clock
from apps.subscriptions.models import Subscription
from tests.accounts.factories import MembershipFactory
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SUNDAY_NOON, SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

LIST = reverse("subscriptions:list")


@pytest.fixture(autouse=True)
def _sunday_noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: SUNDAY_NOON)


@pytest.fixture
def merchant(client):
    """A merchant in New York, whose owner is signed in."""
    membership = MembershipFactory(merchant__name="Willow Studio")
    client.force_login(membership.user)
    return membership.merchant


def text(response) -> str:
    """The page as it is read: tags gone, spaces single."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


class TestList:
    def test_a_past_due_row_tells_the_next_try_and_the_access(self, client, merchant):
        SubscriptionFactory(merchant=merchant, past_due=True)

        page = text(client.get(f"{LIST}?view=past_due"))

        assert "Past due Next try Wed, Nov 25, 12:00 PM EST · in 3 days Revoked" in page
        assert "1 subscription $149.00 USD due" in page

    def test_the_latest_invoice_says_how_it_stands_and_can_be_asked_for(self, client, merchant):
        for name, statuses in {"Ada": ("paid", "open"), "Ben": ("open", "paid")}.items():
            row = SubscriptionFactory(merchant=merchant, customer_name=name)
            for days, status in zip((30, 1), statuses, strict=True):
                TransactionFactory(
                    merchant=merchant,
                    stripe_subscription_id=row.stripe_subscription_id,
                    invoice_status=status,
                    at=SUNDAY_NOON - dt.timedelta(days=days),
                )
        SubscriptionFactory(merchant=merchant, customer_name="New")

        shown = {
            status: [row.customer_name for row in page.context["page"].rows]
            for status in ("open", "paid", "void")
            for page in [client.get(LIST, {"invoice": status})]
        }

        assert shown == {"open": ["Ada"], "paid": ["Ben"], "void": []}

    def test_past_due_comes_first_and_is_counted_in_the_navigation(self, client, merchant):
        SubscriptionFactory(merchant=merchant, amount_minor=99900)
        SubscriptionFactory(merchant=merchant, past_due=True, customer_name="Late Payer")

        response = client.get(LIST)

        assert response.context["page"].rows[0].customer_name == "Late Payer"
        assert re.search(r'Subscriptions\s*<span class="count">1</span>', response.content.decode())

    def test_a_case_that_waits_for_a_card_has_no_countdown(self, client, merchant):
        SubscriptionFactory(
            merchant=merchant, past_due=True, next_try_at=None, next_step="new_card"
        )

        assert "Past due Needs a new card" in text(client.get(LIST))

    def test_a_payment_plan_tells_how_far_it_is(self, client, merchant):
        SubscriptionFactory(
            merchant=merchant,
            kind=Subscription.Kind.PAYMENT_PLAN,
            installments_total=6,
            installments_paid=3,
            installments_missed=1,
        )

        assert "3 of 6 paid, 1 missed" in text(client.get(LIST))

    def test_canceled_after_a_failure_and_ends_on(self, client, merchant):
        SubscriptionFactory(
            merchant=merchant,
            status=Subscription.Status.CANCELED,
            ended_for_nonpayment=True,
            next_payment_at=None,
        )
        SubscriptionFactory(merchant=merchant, ends_at=SUNDAY_NOON + dt.timedelta(days=10))

        page = text(client.get(LIST))

        assert "Canceled After failed payment" in page
        assert "Ends on Dec 2" in page

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("", "No subscriptions yet"),
            ("?view=past_due", "Nobody is past due"),
            ("?view=unpaid", "No subscriptions in this view"),
            ("?status=paused", "No subscriptions match"),
        ],
    )
    def test_an_empty_list_says_why(self, client, merchant, query, message):
        assert message in text(client.get(f"{LIST}{query}"))

    @pytest.mark.parametrize(
        "query",
        ["?access=revoked", "?status=past_due", "?next=7", "?min=100", "?kind=subscription"],
    )
    def test_filters_narrow(self, client, merchant, query):
        SubscriptionFactory(merchant=merchant, past_due=True, customer_name="Late Payer")
        SubscriptionFactory(
            merchant=merchant, kind=Subscription.Kind.PAYMENT_PLAN, amount_minor=900
        )

        rows = client.get(f"{LIST}{query}").context["page"].rows

        assert [row.customer_name for row in rows] == ["Late Payer"]

    @pytest.mark.parametrize("sort", ["attention", "-next_payment", "next_try", "customer"])
    def test_pages_go_on_in_every_order(self, client, merchant, sort):
        for number in range(27):
            SubscriptionFactory(merchant=merchant, past_due=number % 2 == 0)
        first = client.get(f"{LIST}?sort={sort}").context["page"]

        second = client.get(f"{LIST}?sort={sort}&cursor={first.next_cursor}").context["page"]

        shown = {row.pk for row in first.rows} | {row.pk for row in second.rows}
        assert len(shown) == 27

    def test_few_queries_however_many_rows(self, client, merchant, django_assert_max_num_queries):
        for _ in range(30):
            SubscriptionFactory(merchant=merchant, past_due=True)

        with django_assert_max_num_queries(8):
            client.get(f"{LIST}?view=past_due")


class TestDetail:
    def test_past_due_with_its_case_payments_and_access(self, client, merchant):
        case = CaseFactory(
            merchant=merchant,
            last_decline_words="Insufficient funds",
            last_decline_code="insufficient_funds",
            billing_date_before=SUNDAY_NOON + dt.timedelta(days=20),
        )
        row = SubscriptionFactory(merchant=merchant, past_due=True, case_id=case.pk)
        TransactionFactory(
            merchant=merchant,
            retrying=True,
            stripe_subscription_id=row.stripe_subscription_id,
        )

        response = client.get(reverse("subscriptions:detail", args=[row.pk]))

        page = text(response)
        assert "Wed, Nov 25, 12:00 PM EST · in 3 days" in page
        assert "Last decline: Insufficient funds insufficient_funds" in page
        assert "Revoked Automatic" in page
        assert "Next payment before the failure Dec 12, 12:00 PM" in page
        assert "$149.00 Retrying" in page
        assert reverse("recovery:case", args=[case.pk]) in response.content.decode()

    def test_active_with_nothing_behind_it(self, client, merchant):
        row = SubscriptionFactory(merchant=merchant)

        page = text(client.get(reverse("subscriptions:detail", args=[row.pk])))

        assert "Next payment Sat, Dec 12, 12:00 PM EST" in page
        assert "No payments yet" in page
        assert "No card on file" in page

    def test_few_queries(self, client, merchant, django_assert_max_num_queries):
        row = SubscriptionFactory(merchant=merchant, past_due=True, case_id=1)
        for _ in range(5):
            TransactionFactory(merchant=merchant, stripe_subscription_id=row.stripe_subscription_id)

        with django_assert_max_num_queries(12):
            client.get(reverse("subscriptions:detail", args=[row.pk]))


class TestMoreOnASubscription:
    def page(self, client, row) -> str:
        return text(client.get(reverse("subscriptions:detail", args=[row.pk])))

    def test_missed_instalments_stand_together_oldest_first_to_catch_up(self, client, merchant):
        row = SubscriptionFactory(
            merchant=merchant,
            past_due=True,
            kind="payment_plan",
            installments_total=6,
            installments_paid=3,
            installments_missed=2,
            case_id=CaseFactory(merchant=merchant).pk,
        )
        for day, amount in ((2, 4900), (32, 5000)):
            TransactionFactory(
                merchant=merchant,
                failed=True,
                stripe_subscription_id=row.stripe_subscription_id,
                at=SUNDAY_NOON - dt.timedelta(days=day),
                amount_minor=amount,
            )

        page = self.page(client, row)

        assert "Catch up: 2 missed instalments $50.00 USD" in page
        assert "Instalments 3 of 6 paid, 2 missed" in page

    def test_the_latest_invoice_tells_its_tries_and_whether_stripe_goes_on(self, client, merchant):
        row = SubscriptionFactory(merchant=merchant, past_due=True)
        TransactionFactory(
            merchant=merchant,
            failed=True,
            tries=2,
            stripe_attempt_count=3,
            stripe_goes_on="Stripe tries again on Thu, Nov 26, 9:00 AM EST",
            stripe_subscription_id=row.stripe_subscription_id,
        )

        page = self.page(client, row)

        assert "Latest invoice Open Tries: 2, by Stripe's count 3" in page
        assert "Stripe tries again on Thu, Nov 26, 9:00 AM EST" in page
