from datetime import timedelta

import pytest

from apps.customers.models import Customer
from apps.dunning.money import Money
from apps.subscriptions import queries
from apps.subscriptions.models import Subscription
from apps.subscriptions.queries import SubscriptionFilters, filtered, ordered, summary
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import TryFactory
from tests.subscriptions.factories import SUNDAY_NOON, SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def merchant():
    return MerchantFactory()


def found(merchant, **filters) -> set[str]:
    rows = filtered(merchant=merchant, filters=SubscriptionFilters(**filters))
    return set(rows.values_list("stripe_subscription_id", flat=True))


def test_views_are_billing_states(merchant):
    for status in Subscription.Status:
        SubscriptionFactory(merchant=merchant, stripe_subscription_id=status, status=status)
    SubscriptionFactory(
        merchant=merchant,
        stripe_subscription_id="lost",
        status="canceled",
        ended_for_nonpayment=True,
    )

    assert found(merchant, view="past_due") == {"past_due"}
    assert found(merchant, view="unpaid") == {"unpaid"}
    assert found(merchant, view="active") == {"active", "trialing"}
    assert found(merchant, view="canceled_after_failure") == {"lost"}
    assert len(found(merchant)) == len(found(merchant, view="nonsense")) == 10


def test_another_merchants_rows_are_never_found(merchant):
    row = SubscriptionFactory(past_due=True)

    assert found(merchant) == set()
    assert found(merchant, search=row.stripe_subscription_id) == set()
    assert not Subscription.objects.for_merchant(merchant).past_due().exists()


@pytest.mark.parametrize(
    "filters",
    [
        {"statuses": ("past_due",)},
        {"kinds": ("payment_plan",)},
        {"offers": ("Course",)},
        {"access": ("revoked",)},
        {"currency": "eur"},
        {"amount_min_minor": 20_000},
        {"amount_max_minor": 20_000, "currency": "eur"},
        {"started_since": SUNDAY_NOON, "started_until": SUNDAY_NOON + DAY},
        {"next_try_since": SUNDAY_NOON, "next_try_until": SUNDAY_NOON + 4 * DAY},
        {"customer_id": "cus_wanted"},
        {"search": "sub_wanted"},
        {"search": "cus_wanted"},
        {"search": "lovelace"},
    ],
    ids=lambda filters: next(iter(filters)),
)
def test_each_filter_finds_the_row_it_is_for(merchant, filters):
    SubscriptionFactory(merchant=merchant)
    SubscriptionFactory(
        merchant=merchant,
        past_due=True,
        stripe_subscription_id="sub_wanted",
        stripe_customer_id="cus_wanted",
        kind="payment_plan",
        offer_name="Course",
        currency="eur",
        amount_minor=20_000,
        started_at=SUNDAY_NOON,
    )
    Customer.objects.create(
        merchant=merchant,
        stripe_customer_id="cus_wanted",
        name="Ada Lovelace",
        read_at=SUNDAY_NOON,
    )

    assert found(merchant, **filters) == {"sub_wanted"}


def test_past_due_comes_first_then_the_largest(merchant):
    for name, status, amount in (
        ("small", "active", 100),
        ("large", "active", 900),
        ("late", "past_due", 50),
    ):
        SubscriptionFactory(
            merchant=merchant, stripe_subscription_id=name, status=status, amount_minor=amount
        )
    rows = ordered(filtered(merchant=merchant, filters=SubscriptionFilters()), sort="")

    assert [row.stripe_subscription_id for row in rows] == ["late", "large", "small"]


@pytest.mark.parametrize("sort", queries.SORTS)
def test_every_sort_is_total_and_its_terms_can_be_a_cursor(merchant, sort):
    SubscriptionFactory.create_batch(2, merchant=merchant)
    SubscriptionFactory.create_batch(2, merchant=merchant, past_due=True, next_payment_at=None)
    rows = list(ordered(filtered(merchant=merchant, filters=SubscriptionFilters()), sort=sort))

    terms = queries.SORTS[sort]
    assert len({term.startswith("-") for term in terms}) == 1
    places = [tuple(getattr(row, term.removeprefix("-")) for term in terms) for row in rows]
    assert places == sorted(places, reverse=terms[0].startswith("-"))
    assert len(set(places)) == 4


def test_the_summary_adds_up_what_is_due(merchant, monkeypatch):
    SubscriptionFactory(merchant=merchant)
    SubscriptionFactory(merchant=merchant, past_due=True, amount_due_minor=14_900)
    SubscriptionFactory(merchant=merchant, past_due=True, amount_due_minor=5_000, currency="jpy")
    rows = Subscription.objects.for_merchant(merchant)

    assert summary(rows) == queries.Summary(3, False, (Money(5_000, "jpy"), Money(14_900, "usd")))
    monkeypatch.setattr(queries, "COUNT_CAP", 2)
    assert summary(rows) == queries.Summary(2, True, ())


def test_choices_come_from_the_rows(merchant):
    SubscriptionFactory(merchant=merchant, offer_name="Course", currency="eur")
    SubscriptionFactory(offer_name="Somebody else's")

    assert queries.filter_choices(merchant=merchant) == queries.FilterChoices(("eur",), ("Course",))


@pytest.mark.parametrize("text", ["in_paid", "ch_last", "pi_first"])
def test_a_subscription_is_found_by_the_ids_of_its_payments(merchant, text):
    SubscriptionFactory(merchant=merchant, stripe_subscription_id="sub_other")
    SubscriptionFactory(merchant=merchant, stripe_subscription_id="sub_wanted")
    TransactionFactory(
        merchant=merchant,
        stripe_id="in_paid",
        stripe_charge_id="ch_last",
        stripe_subscription_id="sub_wanted",
    )
    TryFactory(merchant=merchant, stripe_invoice_id="in_paid", stripe_payment_intent_id="pi_first")

    assert found(merchant, search=text) == {"sub_wanted"}


def test_past_due_by_money_at_risk_and_by_days(merchant):
    for name, due, days in (("small", 100, 9), ("large", 900, 2)):
        SubscriptionFactory(
            merchant=merchant,
            past_due=True,
            stripe_subscription_id=name,
            amount_due_minor=due,
            past_due_since=SUNDAY_NOON - days * DAY,
        )
    SubscriptionFactory(merchant=merchant, stripe_subscription_id="fine")
    rows = filtered(merchant=merchant, filters=SubscriptionFilters())

    def names(sort):
        return [row.stripe_subscription_id for row in ordered(rows, sort=sort)]

    assert names("-due") == ["large", "small", "fine"]
    assert names("past_due") == ["small", "large", "fine"]
