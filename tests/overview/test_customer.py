"""The page of one customer."""

import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.customers.models import PaymentMethod
from tests.accounts.factories import MembershipFactory
from tests.customers.factories import CustomerFactory
from tests.dunning_emails.factories import MailFactory
from tests.recovery.factories import CaseFactory, TryFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory()
    client.force_login(membership.user)
    return membership.merchant


@pytest.fixture
def customer(merchant):
    return CustomerFactory(merchant=merchant, default_method_id="pm_new", defaults_known=True)


def card(merchant, customer, reference, last4, **more):
    return PaymentMethod.objects.create(
        merchant=merchant,
        stripe_payment_method_id=reference,
        stripe_customer_id=customer.stripe_customer_id,
        type="card",
        brand="visa",
        last4=last4,
        exp_month=4,
        exp_year=2027,
        read_at=NOW,
        **more,
    )


def page(client, customer) -> str:
    response = client.get(reverse("overview:customer", args=[customer.stripe_customer_id]))
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_methods_stand_in_stripes_order_and_the_field_that_failed_is_marked(
    client, merchant, customer
):
    """Seed 003: a card saved further down is not used while one above it is still there."""
    card(merchant, customer, "pm_old", "0341")
    card(merchant, customer, "pm_new", "4242")
    subscription = SubscriptionFactory(
        merchant=merchant,
        stripe_customer_id=customer.stripe_customer_id,
        default_method_id="pm_old",
        defaults_known=True,
        past_due=True,
    )
    TryFactory(
        merchant=merchant,
        stripe_subscription_id=subscription.stripe_subscription_id,
        stripe_payment_method_id="pm_old",
    )

    shown = page(client, customer)

    assert (
        "Subscription's default method Visa •••• 0341 Failed last "
        "Subscription's default source \N{EN DASH} "
        "Customer's default for invoices Visa •••• 4242 "
        "Customer's default source \N{EN DASH}"
    ) in shown


def test_once_paid_the_field_is_charged_and_no_longer_failed(client, merchant, customer):
    card(merchant, customer, "pm_new", "4242")
    row = SubscriptionFactory(
        merchant=merchant, stripe_customer_id=customer.stripe_customer_id, defaults_known=True
    )
    for minutes, status in ((0, "failed"), (5, "succeeded")):
        TryFactory(
            merchant=merchant,
            stripe_subscription_id=row.stripe_subscription_id,
            stripe_payment_method_id="pm_new",
            at=NOW + dt.timedelta(minutes=minutes),
            status=status,
        )

    shown = page(client, customer)

    assert "Customer's default for invoices Visa •••• 4242 Charged" in shown
    assert "Failed last" not in shown


def test_shows_money_cards_cases_access_and_payments(client, merchant, customer):
    owner = {"merchant": merchant, "stripe_customer_id": customer.stripe_customer_id}
    card(merchant, customer, "pm_new", "4242", updated_by_network_at=NOW)
    SubscriptionFactory(**owner, past_due=True)
    CaseFactory(**owner)
    TransactionFactory(**owner, paid_at=NOW, at=NOW - dt.timedelta(days=400))
    TransactionFactory(**owner, paid_at=NOW, amount_minor=10000, amount_refunded_minor=4000)
    TransactionFactory(**owner, failed=True)

    shown = page(client, customer)

    assert "Paid in all $209.00 USD" in shown
    assert "customer since Oct 18, 2025" in shown
    assert "04/2027" in shown
    assert "Updated by the bank on Nov 22" in shown
    assert "Past due Revoked" in shown
    assert "$149.00 USD Nov 22 Open" in shown
    assert "Failed 4 of 4 tries used" in shown


def test_shows_the_mails_planned_and_sent_to_them_alone(client, merchant, customer):
    case = CaseFactory(merchant=merchant, stripe_customer_id=customer.stripe_customer_id)
    hers = {"case": case, "person": customer.stripe_customer_id}
    MailFactory(**hers, status="sent", sent_at=NOW, step="failed_1")
    MailFactory(**hers, status="sent", sent_at=NOW, step="failed_2", delivery="bounced")
    MailFactory(**hers, status="dropped", step="failed_3", kind="failed_3")
    MailFactory(
        merchant=merchant,
        case=None,
        about="invoice:in_1",
        person=customer.stripe_customer_id,
        step="reminder_+3",
        kind="invoice_reminder",
        due_at=NOW + dt.timedelta(days=3),
    )
    MailFactory(case=case, person="cus_other", step="final_notice", kind="final_notice")

    shown = page(client, customer)

    assert "Invoice reminder Planned Nov 25" in shown
    assert "Payment failed 1 Sent Nov 22" in shown
    assert "Payment failed 1 Came back Nov 22" in shown
    assert "Payment failed 3" not in shown
    assert "Final notice" not in shown


def test_somebody_without_anything_has_a_page_too(client, merchant, customer):
    shown = page(client, customer)

    assert "No card on file" in shown
    assert "No payment of this customer has failed." in shown
    assert "Recoup has not written to this customer." in shown


def test_costs_few_queries_however_much_there_is(
    client, merchant, customer, django_assert_max_num_queries
):
    owner = {"merchant": merchant, "stripe_customer_id": customer.stripe_customer_id}
    SubscriptionFactory.create_batch(5, **owner)
    TransactionFactory.create_batch(30, **owner)
    CaseFactory.create_batch(5, **owner)

    with django_assert_max_num_queries(12):
        page(client, customer)


def test_what_was_not_read_yet_is_not_called_empty(client, merchant, customer):
    SubscriptionFactory(merchant=merchant, stripe_customer_id=customer.stripe_customer_id)

    shown = page(client, customer)

    assert "is shown after the next read from Stripe" in shown
    assert "No payment method is set" not in shown
