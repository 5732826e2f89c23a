import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import Role
from apps.customer_payments.services import save_settings
from apps.dunning.access import AccessRules
from apps.dunning.presets import DAYS_3_5_7, KAJABI, PRESETS, RECOMMENDED
from apps.dunning.segments import Segment
from apps.overview import history
from apps.retry_settings.forms import draft_of
from apps.retry_settings.models import RetrySettings
from apps.retry_settings.services import save_policy, save_rules
from tests.accounts.factories import MembershipFactory
from tests.customers.factories import CustomerFactory
from tests.dunning_emails.factories import MailTemplateFactory
from tests.recovery.factories import CaseFactory, TryFactory
from tests.subscriptions.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db

HISTORY = reverse("overview:history")
MATCH = reverse("overview:match_segments")
NOW = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory(role=Role.ADMIN)
    client.force_login(membership.user)
    save_rules(merchant=membership.merchant, rules=KAJABI, expected_version=0, user=None, now=NOW)
    return membership.merchant


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def failure(merchant, *, days_ago=40, code="generic_decline", **values):
    failed_at = NOW - days_ago * DAY
    case = CaseFactory(
        merchant=merchant,
        failed_at=failed_at,
        last_failure_code="card_declined",
        last_decline_code=code,
        last_decline_words="Declined by bank",
        **values,
    )
    TryFactory(
        merchant=merchant,
        stripe_invoice_id=case.stripe_invoice_id,
        stripe_charge_id=f"ch_{case.pk}",
        at=failed_at,
        status="failed",
        failure_code="card_declined",
        decline_code=code,
        amount_minor=14900,
        amount_due_minor=14900,
        amount_remaining_minor=14900,
        currency="usd",
        fingerprint=f"fp_{case.pk}",
    )
    return case


def ask(client, rules, **changes):
    return client.post(HISTORY, draft_of(rules, version=1) | changes)


class TestHistory:
    def test_compares_saved_and_edited_rules_on_what_really_failed(self, client, merchant):
        failure(merchant)
        failure(merchant, code="expired_card")
        failure(merchant, days_ago=91)
        failure(merchant, rules={**RECOMMENDED.to_json(), "policy": "VIP"})

        page = text(ask(client, DAYS_3_5_7))

        assert "In the last 90 days 2 payments failed that no segment took." in page
        assert "1 more follows the rules of a segment and is left out." in page
        assert "Retries due before the payment came 4 3" in page
        assert "Days until it ends, if unpaid 20.9 6.9" in page or "21.0 7.0" in page
        assert "2 cases would go differently" in page
        assert "Retries 4 3 Emails none none Access ends never never Given up Oct 30 Oct 16" in page
        assert RetrySettings.objects.get().rules["name"] == "kajabi"

    def test_warns_of_money_that_came_after_the_edited_end(self, client, merchant):
        failed_at = NOW - 40 * DAY
        failure(
            merchant,
            status="recovered",
            end_reason="paid",
            recovered_minor=14900,
            closed_at=failed_at + 12 * DAY,
        )

        page = text(ask(client, DAYS_3_5_7))

        assert (
            "1 payment that came back did so after the rules on the page had given up: $149.00 USD"
            in page
        )
        assert "Paid after that" in page

    def test_mails_and_access_move_with_the_schedule(self, client, merchant):
        case = failure(merchant)
        failure(merchant, status="recovered", end_reason="paid", closed_at=case.failed_at + DAY / 2)
        MailTemplateFactory(merchant=merchant, kind="final_notice", on_since=NOW)
        save_settings(
            merchant=merchant,
            revoke_on_failure=True,
            grant_on_success=True,
            details=AccessRules(revoke="tries_used_up"),
            expected_version=0,
            user=None,
            now=NOW,
        )

        page = text(ask(client, DAYS_3_5_7))

        assert "Emails due before the payment came 1 1" in page
        assert "Customers who lose access before it came 1 1" in page
        assert "Emails on other days: 1. Access on another day: 1." in page
        assert (
            "Retries 4 3 Emails Oct 28 Oct 14 Access ends Oct 30 Oct 16 Given up Oct 30 Oct 16"
            in page
        )

    def test_where_stripe_retries_now_its_dates_are_not_made_up(self, client, merchant):
        failure(merchant)

        stored = RetrySettings.objects.get()
        stored.rules = PRESETS["stripe_smart"].rules.to_json()
        stored.save()
        page = text(ask(client, DAYS_3_5_7))

        assert "Retries due before the payment came by Stripe 3" in page
        assert "Emails due before the payment came not known 0" in page
        assert "Given up not known Oct 16" in page

    def test_is_bounded_and_says_what_it_left_out(self, client, merchant, monkeypatch):
        monkeypatch.setattr(history, "MOST_CASES", 12)
        for _ in range(14):
            failure(merchant)

        page = text(ask(client, DAYS_3_5_7))

        assert "The newest 12 are replayed, older ones are left out." in page
        assert "12 cases would go differently" in page
        assert "Listed are the 10 that change most." in page

    def test_the_same_rules_change_nothing(self, client, merchant):
        failure(merchant)

        assert "None of them would go differently." in text(ask(client, KAJABI))

    def test_without_failures_it_says_so(self, client, merchant):
        assert "In the last 90 days 0 payments failed" in text(ask(client, KAJABI))

    def test_stripes_rules_cannot_be_replayed(self, client, merchant):
        assert "there is nothing to replay" in text(ask(client, KAJABI, engine="stripe"))

    def test_fields_that_are_wrong_are_named(self, client, merchant):
        page = text(ask(client, KAJABI, **{"wait-0": "0"}))

        assert "Fix the fields first: Retry 1: enter 1 to 30 days." in page

    def test_a_fragment_for_the_page_of_settings(self, client, merchant):
        response = client.post(HISTORY, draft_of(KAJABI, version=1), headers={"HX-Request": "true"})

        assert "<html" not in response.content.decode()

    def test_queries_do_not_grow_with_the_failures(
        self, client, merchant, django_assert_max_num_queries
    ):
        for _ in range(8):
            failure(merchant)

        with django_assert_max_num_queries(14):
            ask(client, DAYS_3_5_7)


class TestWhichRuleWouldMatch:
    def test_names_the_segment_and_why_not_those_before(self, client, merchant):
        for name, segment in (
            ("Germans", Segment(countries=("DE",))),
            ("Yearly", Segment(intervals=("year",))),
        ):
            save_policy(
                merchant=merchant,
                policy_id=None,
                name=name,
                segment=segment,
                rules=RECOMMENDED,
                expected_version=0,
                user=None,
                now=NOW,
            )
        customer = CustomerFactory(merchant=merchant, name="Ada Lovelace", country="US")
        SubscriptionFactory(
            merchant=merchant, stripe_customer_id=customer.stripe_customer_id, interval="year"
        )

        page = text(client.get(MATCH, {"q": "ada"}))

        assert "Ada Lovelace" in page
        assert "Segment “Yearly”." in page
        assert "Not “Germans”: country does not fit or is not known." in page
        assert text(client.get(MATCH, {"q": customer.stripe_customer_id})).count("Segment “Yearly”")

    def test_no_segment_is_the_rules_for_everybody(self, client, merchant):
        customer = CustomerFactory(merchant=merchant, email="ada@example.com")
        SubscriptionFactory(merchant=merchant, stripe_customer_id=customer.stripe_customer_id)

        page = text(client.get(MATCH, {"q": "ada@example.com"}))

        assert (
            "No segment: the rules for everybody. Recoup retries, custom schedule (As Kajabi"
            in page
        )

    def test_nobody_is_found_in_another_merchant(self, client, merchant):
        customer = CustomerFactory(name="Ada Lovelace")
        SubscriptionFactory(
            merchant=customer.merchant, stripe_customer_id=customer.stripe_customer_id
        )

        assert "No customer with a running subscription" in text(client.get(MATCH, {"q": "ada"}))
