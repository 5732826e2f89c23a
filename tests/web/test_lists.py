import datetime as dt

import pytest

from apps.transactions.models import Transaction
from apps.web.lists import page_of
from tests.accounts.factories import MerchantFactory
from tests.transactions.factories import SUNDAY_NOON, TransactionFactory

pytestmark = pytest.mark.django_db

TERMS = ("-at", "-id")


def walk(rows, terms, size):
    """Follow the next links to the end, then the previous ones back; return both ways."""
    there, page = [], page_of(rows, terms=terms, cursor="", size=size)
    assert page.previous_cursor == ""
    while True:
        there.append([row.pk for row in page.rows])
        if not page.next_cursor:
            break
        page = page_of(rows, terms=terms, cursor=page.next_cursor, size=size)
    back = [[row.pk for row in page.rows]]
    while page.previous_cursor:
        page = page_of(rows, terms=terms, cursor=page.previous_cursor, size=size)
        back.append([row.pk for row in page.rows])
    return there, back


@pytest.fixture
def rows():
    """Eleven rows, of which most share their moment and amount with others."""
    merchant = MerchantFactory()
    for number in range(11):
        TransactionFactory(
            merchant=merchant,
            at=SUNDAY_NOON + dt.timedelta(hours=number // 4),
            amount_minor=100 * (number % 3),
        )
    return Transaction.objects.for_merchant(merchant)


@pytest.mark.parametrize(
    "terms",
    [("-at", "-id"), ("at", "id"), ("currency", "amount_minor", "id"), ("-amount_minor", "-id")],
)
@pytest.mark.parametrize("size", [1, 3, 4, 10, 11, 12])
def test_every_row_is_on_exactly_one_page_both_ways(rows, terms, size):
    ordered = rows.order_by(*terms)

    there, back = walk(ordered, terms, size)

    everything = list(ordered.values_list("pk", flat=True))
    assert [pk for page in there for pk in page] == everything
    assert back[::-1] == there


def test_rows_that_arrive_do_not_shift_a_page(rows):
    ordered = rows.order_by(*TERMS)
    first = page_of(ordered, terms=TERMS, cursor="", size=3)
    expected = page_of(ordered, terms=TERMS, cursor=first.next_cursor, size=3).rows

    TransactionFactory(merchant=expected[0].merchant, at=SUNDAY_NOON + dt.timedelta(days=9))

    second = page_of(ordered, terms=TERMS, cursor=first.next_cursor, size=3)
    assert second.rows == expected
    assert second.previous_cursor


def test_a_cursor_made_up_or_of_another_order_gives_the_first_page(rows):
    ordered = rows.order_by(*TERMS)
    first = page_of(ordered, terms=TERMS, cursor="", size=3)
    other = page_of(rows.order_by("at", "id"), terms=("at", "id"), cursor="", size=3).next_cursor

    for cursor in ("nonsense", "a:b", first.next_cursor + "x", other):
        assert page_of(ordered, terms=TERMS, cursor=cursor, size=3) == first


def test_a_page_that_is_gone_becomes_the_first(rows):
    ordered = rows.order_by(*TERMS)
    first = page_of(ordered, terms=TERMS, cursor="", size=10)
    rows.filter(pk=ordered.last().pk).delete()

    assert page_of(ordered, terms=TERMS, cursor=first.next_cursor, size=10).rows == first.rows


def test_a_page_costs_one_query(rows, django_assert_num_queries):
    ordered = rows.order_by(*TERMS)
    first = page_of(ordered, terms=TERMS, cursor="", size=3)

    with django_assert_num_queries(1):
        page_of(ordered, terms=TERMS, cursor=first.next_cursor, size=3)
