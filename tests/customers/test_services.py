from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.models import Merchant
from apps.customers.models import Customer, PaymentMethod
from apps.customers.queries import matching_customers, methods_of, zone_of_customer
from apps.customers.services import project_customer, project_method
from apps.dunning.facts import Method
from apps.stripe_gateway.facts import CustomerFacts

pytestmark = pytest.mark.django_db

T0 = datetime(2026, 11, 18, 12, tzinfo=UTC)
LATER = T0 + timedelta(minutes=5)
ADA = CustomerFacts(id="cus_1", name="Ada", email="ada@example.com", country="US", state="TX")
VISA = Method(
    reference="pm_1", brand="visa", last4="3119", fingerprint="fp", country="GB",
    exp_month=12, exp_year=2027,
)  # fmt: skip


@pytest.fixture
def merchant():
    return Merchant.objects.create(
        name="Studio", stripe_account_id="acct_1", time_zone="America/New_York"
    )


def customer(merchant, facts, at=T0, **more) -> Customer:
    project_customer(merchant=merchant, facts=facts, read_at=at, now=at, **more)
    return Customer.objects.get(merchant=merchant, stripe_customer_id=facts.id)


def method(merchant, facts, at=T0, **more) -> PaymentMethod:
    project_method(merchant=merchant, method=facts, customer_id="cus_1", read_at=at, now=at, **more)
    return PaymentMethod.objects.get(merchant=merchant)


def test_a_customer_is_written_with_where_their_zone_came_from(merchant):
    row = customer(merchant, ADA)

    assert (row.name, row.email, row.country) == ("Ada", "ada@example.com", "US")
    assert (row.time_zone, row.zone_source) == ("America/Chicago", "billing")


def test_without_an_address_the_card_tells_and_keeps_telling(merchant):
    nowhere = replace(ADA, country="", state="")
    first = customer(merchant, replace(nowhere, default_method=VISA))
    second = customer(merchant, nowhere, at=LATER)

    assert (first.time_zone, first.zone_source) == ("Europe/London", "card")
    assert (second.time_zone, second.zone_source) == ("Europe/London", "card")


def test_without_anything_the_merchants_zone_counts(merchant):
    row = customer(merchant, replace(ADA, country="", state=""))

    assert (row.time_zone, row.zone_source) == ("America/New_York", "merchant")


def test_an_older_read_changes_nothing(merchant):
    customer(merchant, ADA, at=LATER)
    row = customer(merchant, replace(ADA, name="Old name"), at=T0)

    assert (row.name, row.read_at) == ("Ada", LATER)


def test_a_deleted_customer_keeps_their_name(merchant):
    customer(merchant, ADA)
    row = customer(merchant, CustomerFacts(id="cus_1", is_deleted=True), at=LATER)

    assert (row.name, row.is_deleted) == ("Ada", True)


def test_the_same_customer_id_of_two_merchants_is_two_rows(merchant):
    other = Merchant.objects.create(name="Other", stripe_account_id="acct_2")
    customer(merchant, ADA)
    customer(other, replace(ADA, name="Somebody else"))

    assert Customer.objects.for_merchant(merchant).get().name == "Ada"


def test_a_new_expiry_date_counts_as_a_change_when_it_is_first_seen(merchant):
    assert method(merchant, VISA).data_changed_at is None
    assert method(merchant, VISA, at=LATER).data_changed_at is None

    renewed = method(merchant, replace(VISA, exp_year=2031), at=LATER)

    assert renewed.data_changed_at == LATER
    assert renewed.exp_year == 2031


def test_a_change_told_by_an_event_keeps_its_own_moment(merchant):
    told = method(merchant, VISA, at=LATER, data_changed_at=T0, by_network=True)

    assert (told.data_changed_at, told.updated_by_network_at) == (T0, T0)


def test_a_change_is_never_taken_back(merchant):
    method(merchant, VISA, data_changed_at=LATER)
    method(merchant, VISA, at=LATER, data_changed_at=T0)

    row = method(merchant, VISA, at=LATER + timedelta(minutes=1))

    assert row.data_changed_at == LATER


def test_the_older_of_two_reads_is_no_change(merchant):
    method(merchant, replace(VISA, exp_year=2031), at=LATER)
    row = method(merchant, VISA, at=T0)

    assert (row.exp_year, row.data_changed_at) == (2031, None)


def test_a_method_without_an_id_is_no_row(merchant):
    project_method(
        merchant=merchant, method=Method(reference=""), customer_id="", read_at=T0, now=T0
    )

    assert not PaymentMethod.objects.exists()


def test_customers_are_found_by_name_and_email(merchant):
    customer(merchant, ADA)
    other = Merchant.objects.create(name="Other", stripe_account_id="acct_2")
    customer(other, replace(ADA, id="cus_other"))

    for text in ("ada@", "ADA"):
        assert [
            row["stripe_customer_id"] for row in matching_customers(merchant=merchant, text=text)
        ] == ["cus_1"]
    assert not matching_customers(merchant=merchant, text="bob")


def test_a_customers_zone_and_methods(merchant):
    customer(merchant, replace(ADA, default_method=VISA))

    assert zone_of_customer(merchant=merchant, customer_id="cus_1") == "America/Chicago"
    assert zone_of_customer(merchant=merchant, customer_id="cus_x") == "America/New_York"
    assert [row.last4 for row in methods_of(merchant=merchant, customer_id="cus_1")] == ["3119"]
