"""The mandates of bank accounts, beside the table of debit schemes and on the case."""

from dataclasses import replace

import pytest
from django.urls import reverse

from apps.customers.models import PaymentMethod
from apps.recovery.services import observe_invoice
from tests.accounts.factories import MembershipFactory
from tests.customers.test_services import T0
from tests.recovery.builders import VISA, an_invoice

pytestmark = pytest.mark.django_db


def file(merchant, number, type, mandate, customer="cus_1"):
    PaymentMethod.objects.create(
        merchant=merchant,
        stripe_payment_method_id=f"pm_{number}",
        stripe_customer_id=customer,
        type=type,
        mandate=mandate,
        read_at=T0,
    )


@pytest.fixture
def member():
    return MembershipFactory()


def test_accounts_are_counted_by_scheme_and_state(client, member):
    for number, (type, mandate, customer) in enumerate(
        [
            ("sepa_debit", "active", "cus_1"),
            ("sepa_debit", "active", "cus_2"),
            ("sepa_debit", "inactive", "cus_3"),
            ("us_bank_account", "", "cus_4"),
            ("bacs_debit", "active", ""),  # detached: nobody's any more
            ("card", "", "cus_5"),
        ]
    ):
        file(member.merchant, number, type, mandate, customer)
    file(MembershipFactory().merchant, 99, "sepa_debit", "active")
    client.force_login(member.user)

    rows = client.get(reverse("overview:mandates")).context["rows"]

    found = {row.name: (row.active, row.pending, row.inactive, row.untold) for row in rows}
    assert found == {"ACH": (0, 0, 0, 1), "SEPA": (2, 0, 1, 0)}
    assert rows[1].url.startswith("https://docs.stripe.com/")


@pytest.mark.parametrize(
    ("mandate", "words"),
    [("active", "In force"), ("inactive", "No longer valid"), ("", "Stripe did not say")],
)
def test_a_case_shows_the_mandate_of_its_bank_account(client, member, mandate, words):
    debit = replace(VISA, type="sepa_debit", brand="", mandate=mandate)
    case = observe_invoice(merchant=member.merchant, invoice=an_invoice(method=debit), now=T0)
    client.force_login(member.user)

    page = client.get(reverse("recovery:case", args=[case.pk])).content.decode()

    assert words in page
    assert "https://docs.stripe.com/payments/sepa-debit" in page


def test_a_case_of_a_card_has_none(client, member):
    case = observe_invoice(merchant=member.merchant, invoice=an_invoice(), now=T0)
    client.force_login(member.user)

    assert "Mandate" not in client.get(reverse("recovery:case", args=[case.pk])).content.decode()
