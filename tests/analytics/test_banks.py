"""The banks behind cards, as far as Stripe tells: their network and country."""

import datetime as dt

import pytest
from django.urls import reverse

from apps import clock
from apps.analytics import services
from apps.analytics.models import DayBreakdown, DayFigures
from apps.customers.models import PaymentMethod
from apps.recovery.models import Try
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)


def test_a_failure_counts_under_the_network_and_country_of_its_card():
    merchant = MerchantFactory()
    PaymentMethod.objects.create(
        merchant=merchant,
        stripe_payment_method_id="pm_1",
        type="card",
        brand="visa",
        country="BR",
        read_at=NOW,
    )
    for number, method in enumerate(("pm_1", "pm_unknown", "")):
        case = CaseFactory(merchant=merchant, failed_at=NOW, opened_at=NOW)
        Try.objects.create(
            merchant=merchant,
            stripe_charge_id=f"ch_{number}",
            stripe_invoice_id=case.stripe_invoice_id,
            stripe_payment_method_id=method,
            method_type="card",
            method_brand="visa" if method else "",
            at=NOW,
            status="failed",
            decline_code="do_not_honor",
            amount_minor=1,
            amount_due_minor=1,
            amount_remaining_minor=1,
            currency="usd",
        )

    services.count_everything_again(merchant=merchant)

    banks = DayBreakdown.objects.filter(dimension="issuer").values_list("key", "open")
    assert dict(banks) == {"visa BR": 1, "visa": 1, "other": 1}


def test_banks_and_countries_have_names(client):
    membership = MembershipFactory()
    for dimension, key in (("issuer", "visa BR"), ("issuer", "visa"), ("country", "BR")):
        DayBreakdown.objects.create(
            merchant=membership.merchant,
            day=clock.now().date(),
            currency="usd",
            dimension=dimension,
            key=key,
            open=1,
            open_minor=100,
        )
    DayFigures.objects.create(
        merchant=membership.merchant, day=clock.now().date(), currency="usd", open=1
    )
    client.force_login(membership.user)

    charts = {one.key: one for one in client.get(reverse("analytics:page")).context["charts"]}

    assert {row[0] for row in charts["issuers"].rows} == {"Visa, Brazil", "Visa"}
    assert [row[0] for row in charts["countries"].rows] == ["Brazil"]
