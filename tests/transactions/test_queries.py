from datetime import timedelta

import pytest

from apps.customers.models import Customer
from apps.dunning.money import Money
from apps.transactions import queries
from apps.transactions.models import Transaction
from apps.transactions.queries import TransactionFilters, filtered, ordered, summary
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import TryFactory
from tests.transactions.factories import SUNDAY_NOON, TransactionFactory

pytestmark = pytest.mark.django_db

Status = Transaction.Status
DAY = timedelta(days=1)


@pytest.fixture
def merchant():
    return MerchantFactory()


def found(merchant, **filters) -> set[str]:
    rows = filtered(merchant=merchant, filters=TransactionFilters(**filters))
    return set(rows.values_list("stripe_id", flat=True))


def test_failed_means_that_the_last_try_failed_and_it_is_not_paid(merchant):
    for status in Status:
        TransactionFactory(merchant=merchant, stripe_id=status, status=status)

    failed = {
        "retrying", "charging", "checking", "needs_card", "needs_authentication", "failed",
    }  # fmt: skip
    assert found(merchant, statuses=("failed",)) == failed
    assert found(merchant, view="failed") == failed
    assert found(merchant, statuses=("retrying", "recovered")) == {"retrying", "recovered"}
    assert found(merchant, statuses=("failed", "void")) == failed | {"void"}
    assert len(found(merchant)) == len(Status)


def test_another_merchants_rows_are_never_found(merchant):
    row = TransactionFactory(failed=True)

    assert found(merchant) == set()
    for text in (row.stripe_id, row.stripe_customer_id, "Sofia"):
        assert found(merchant, search=text) == set()


def test_periods_are_half_open(merchant):
    TransactionFactory(merchant=merchant, stripe_id="in_noon", at=SUNDAY_NOON)

    assert found(merchant, since=SUNDAY_NOON, until=SUNDAY_NOON + DAY) == {"in_noon"}
    assert found(merchant, since=SUNDAY_NOON - DAY, until=SUNDAY_NOON) == set()


@pytest.mark.parametrize(
    "filters",
    [
        {"currency": "eur"},
        {"amount_min_minor": 20_000},
        {"amount_max_minor": 20_000, "currency": "eur"},
        {"decline_codes": ("expired_card",)},
        {"offers": ("Course",)},
        {"methods": ("sepa_debit",)},
        {"invoice_statuses": ("uncollectible",)},
        {"tries_min": 3},
        {"tries_max": 3, "tries_min": 1},
        {"next_try_since": SUNDAY_NOON, "next_try_until": SUNDAY_NOON + DAY},
        {"customer_id": "cus_wanted"},
        {"subscription_id": "sub_wanted"},
        {"view": "retrying"},
    ],
    ids=lambda filters: next(iter(filters)),
)
def test_each_filter_finds_the_row_it_is_for(merchant, filters):
    TransactionFactory(merchant=merchant, stripe_id="in_other")
    TransactionFactory(
        merchant=merchant,
        stripe_id="in_wanted",
        status=Status.RETRYING,
        currency="eur",
        amount_minor=20_000,
        failure_code="expired_card",
        offer_name="Course",
        method_type="sepa_debit",
        invoice_status="uncollectible",
        tries=3,
        next_try_at=SUNDAY_NOON,
        stripe_customer_id="cus_wanted",
        stripe_subscription_id="sub_wanted",
    )

    assert found(merchant, **filters) == {"in_wanted"}


def test_a_decline_code_is_found_before_the_class_it_stands_in(merchant):
    TransactionFactory(
        merchant=merchant,
        stripe_id="in_funds",
        failure_code="card_declined",
        decline_code="insufficient_funds",
    )
    TransactionFactory(merchant=merchant, stripe_id="in_plain", failure_code="card_declined")

    assert found(merchant, decline_codes=("insufficient_funds",)) == {"in_funds"}
    assert found(merchant, decline_codes=("card_declined",)) == {"in_plain"}


@pytest.mark.parametrize(
    "text",
    ["in_wanted", "ch_1", "pi_1", "cus_1", "sub_1", "A-0001", "a-0001", "ada@exam", " lovelace "],
)
def test_search_finds_ids_numbers_names_and_emails(merchant, text):
    TransactionFactory(merchant=merchant)
    TransactionFactory(
        merchant=merchant,
        stripe_id="in_wanted",
        stripe_charge_id="ch_1",
        stripe_payment_intent_id="pi_1",
        stripe_customer_id="cus_1",
        stripe_subscription_id="sub_1",
        number="A-0001",
    )
    Customer.objects.create(
        merchant=merchant,
        stripe_customer_id="cus_1",
        name="Ada Lovelace",
        email="ada@example.com",
        read_at=SUNDAY_NOON,
    )

    assert found(merchant, search=text) == {"in_wanted"}


@pytest.mark.parametrize("sort", [*queries.SORTS, "nonsense", ""])
def test_every_sort_is_total_and_its_terms_can_be_a_cursor(merchant, sort):
    for number in range(4):
        TransactionFactory(
            merchant=merchant, next_try_at=SUNDAY_NOON if number % 2 else None, customer_name="A"
        )
    rows = list(ordered(filtered(merchant=merchant, filters=TransactionFilters()), sort=sort))

    terms = queries.SORTS.get(sort, queries.SORTS["-date"])
    assert len({term.startswith("-") for term in terms}) == 1
    places = [tuple(getattr(row, term.removeprefix("-")) for term in terms) for row in rows]
    assert None not in {value for place in places for value in place}
    assert places == sorted(places, reverse=terms[0].startswith("-"))
    assert len(set(places)) == 4


def test_rows_without_a_next_try_come_last(merchant):
    TransactionFactory(merchant=merchant, stripe_id="in_none")
    TransactionFactory(merchant=merchant, stripe_id="in_soon", next_try_at=SUNDAY_NOON)
    rows = ordered(filtered(merchant=merchant, filters=TransactionFilters()), sort="next_try")

    assert [row.stripe_id for row in rows] == ["in_soon", "in_none"]


class TestSummary:
    def test_totals_stand_apart_by_currency(self, merchant, django_assert_num_queries):
        TransactionFactory(merchant=merchant, amount_minor=100)
        TransactionFactory(merchant=merchant, amount_minor=250)
        TransactionFactory(merchant=merchant, amount_minor=999, currency="jpy")

        with django_assert_num_queries(1):
            line = summary(Transaction.objects.for_merchant(merchant))

        assert line == queries.Summary(3, False, (Money(999, "jpy"), Money(350, "usd")))

    def test_long_lists_are_counted_up_to_a_cap(self, merchant, monkeypatch):
        monkeypatch.setattr(queries, "COUNT_CAP", 2)
        TransactionFactory.create_batch(3, merchant=merchant)

        assert summary(Transaction.objects.all()) == queries.Summary(2, True, ())

    def test_nothing_is_nothing(self):
        assert summary(Transaction.objects.all()) == queries.Summary(0, False, ())


def test_choices_come_from_the_rows(merchant):
    TransactionFactory(merchant=merchant, failed=True)
    TransactionFactory(
        merchant=merchant, currency="eur", failure_code="expired_card", decline_words="Card expired"
    )
    TransactionFactory(currency="jpy")

    choices = queries.filter_choices(merchant=merchant)

    assert choices.currencies == ("eur", "usd")
    assert choices.offers == ("Studio Membership",)
    assert choices.declines == (
        ("expired_card", "Card expired"),
        ("insufficient_funds", "Insufficient funds"),
    )
    assert choices.methods == ("card",)


@pytest.mark.parametrize("text", ["ch_first", "pi_first"])
def test_any_try_of_a_payment_is_found_by_its_ids(merchant, text):
    TransactionFactory(merchant=merchant, stripe_id="in_other")
    TransactionFactory(
        merchant=merchant,
        stripe_id="in_wanted",
        stripe_charge_id="ch_last",
        stripe_payment_intent_id="pi_last",
    )
    TryFactory(
        merchant=merchant,
        stripe_invoice_id="in_wanted",
        stripe_charge_id="ch_first",
        stripe_payment_intent_id="pi_first",
    )

    assert found(merchant, search=text) == {"in_wanted"}
    assert found(MerchantFactory(), search=text) == set()
