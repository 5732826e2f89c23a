import pytest

from apps.transactions.models import Transaction
from apps.web.sums import capped_counts, sums_per_currency
from tests.accounts.factories import MerchantFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def rows():
    merchant = MerchantFactory()
    for currency, minor in (("usd", 100), ("usd", 250), ("jpy", 9800)):
        TransactionFactory(merchant=merchant, currency=currency, amount_minor=minor)
    TransactionFactory(currency="eur")
    return Transaction.objects.for_merchant(merchant)


def test_each_currency_is_added_up_apart(rows):
    found = sums_per_currency(rows, amount="amount_minor", cap=10)

    assert found == [("jpy", 1, 9800), ("usd", 2, 350)]


def test_counting_stops_at_the_cap(rows):
    found = sums_per_currency(rows.order_by("-at"), amount="amount_minor", cap=2)

    assert sum(count for _, count, _ in found) == 2


def test_nothing_is_added_up_to_nothing(rows):
    assert sums_per_currency(rows.filter(pk=0), amount="amount_minor", cap=2) == []
    assert sums_per_currency(rows.filter(pk__in=[]), amount="amount_minor", cap=2) == []


def test_several_counts_take_one_query(rows, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = capped_counts(
            [rows, rows.filter(currency="usd"), rows.filter(pk__in=[]), rows], cap=3
        )

    assert found == [3, 2, 0, 3]


def test_counting_nothing_takes_none(rows, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert capped_counts([rows.filter(pk__in=[])], cap=3) == [0]
        assert capped_counts([], cap=3) == []
