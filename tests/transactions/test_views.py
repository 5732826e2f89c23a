import datetime as dt
import gzip
import re

import pytest
from django.urls import reverse

from apps import clock
from apps.recovery.models import Attempt, Try
from apps.transactions.models import Transaction
from tests.accounts.factories import MembershipFactory
from tests.recovery.factories import CaseFactory
from tests.transactions.factories import SUNDAY_NOON, TransactionFactory

pytestmark = pytest.mark.django_db

LIST = reverse("transactions:list")
EXPORT = reverse("exports:new", args=["transactions"])
HTMX = {"HX-Request": "true", "HX-Target": "results"}


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
    def test_a_retrying_row_tells_when_it_is_tried_again_and_why_it_failed(self, client, merchant):
        TransactionFactory(merchant=merchant, retrying=True)

        page = text(client.get(LIST))

        assert "Retrying Wed, Nov 25, 12:00 PM EST · in 3 days" in page
        assert "Insufficient funds Visa •••• 3119" in page
        assert "$149.00 USD" in page

    def test_a_due_try_and_one_without_a_time_say_so(self, client, merchant):
        TransactionFactory(merchant=merchant, retrying=True, next_try_at=SUNDAY_NOON)
        TransactionFactory(merchant=merchant, retrying=True, next_try_at=None)

        page = text(client.get(LIST))

        assert "Retrying Due now" in page
        assert "Retrying Time not set yet" in page

    def test_the_summary_counts_and_adds_up_each_currency_apart(self, client, merchant):
        TransactionFactory(merchant=merchant, amount_minor=100)
        TransactionFactory(merchant=merchant, amount_minor=250)
        TransactionFactory(merchant=merchant, amount_minor=9800, currency="jpy")

        page = text(client.get(LIST))

        assert "3 transactions ¥9,800 JPY $3.50 USD Times in New York (EST)" in page

    def test_failed_is_everything_whose_last_try_failed_and_that_is_not_paid(
        self, client, merchant
    ):
        for status in Transaction.Status:
            TransactionFactory(merchant=merchant, status=status, customer_name=f"<{status.value}>")

        page = client.get(f"{LIST}?status=failed")

        shown = {row.status for row in page.context["page"].rows}
        assert shown == set(Transaction.FAILED_STATUSES)

    def test_every_filter_button_row_has_an_apply_button(self, client, merchant):
        page = client.get(LIST).content.decode()

        assert page.count(">Apply</button>") == page.count('class="menu-foot"') >= 6

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("", "No transactions yet"),
            ("?status=failed", "No transactions match"),
            ("?q=nobody", "No transactions match"),
            ("?view=refunded", "No transactions in this view"),
        ],
    )
    def test_an_empty_list_says_why(self, client, merchant, query, message):
        assert message in text(client.get(f"{LIST}{query}"))

    def test_a_filter_that_is_not_understood_is_told_and_left_out(self, client, merchant):
        TransactionFactory(merchant=merchant)

        page = text(client.get(f"{LIST}?from=yesterday"))

        assert "Enter a valid date." in page
        assert "This filter was left out." in page
        assert "1 transaction" in page

    def test_names_from_stripe_are_text(self, client, merchant):
        TransactionFactory(merchant=merchant, customer_name="<script>alert(1)</script>")

        assert b"<script>alert" not in client.get(LIST).content

    def test_pages_follow_a_cursor_and_keep_the_filters(self, client, merchant):
        for hour in range(27):
            TransactionFactory(
                merchant=merchant, failed=True, at=SUNDAY_NOON - dt.timedelta(hours=hour)
            )
        first = client.get(f"{LIST}?status=failed")
        assert len(first.context["page"].rows) == 25

        (link,) = re.findall(r'rel="next"\s+href="([^"]+)"', first.content.decode())
        second = client.get(link.replace("&amp;", "&"))

        assert len(second.context["page"].rows) == 2
        assert second.context["form"].query() == "status=failed"
        assert "27 transactions" in text(second)

    def test_a_column_head_sorts_and_turns(self, client, merchant):
        TransactionFactory(merchant=merchant)

        page = client.get(f"{LIST}?sort=-amount&status=succeeded").content.decode()

        assert f'href="{LIST}?sort=amount&amp;status=succeeded"' in page
        assert 'aria-sort="descending"' in page

    def test_25_rows_stay_within_the_budget_of_bytes(self, client, merchant):
        for number in range(26):
            TransactionFactory(merchant=merchant, retrying=True, customer_name=f"Name {number}")

        page, fragment = client.get(LIST), client.get(LIST, headers=HTMX)

        assert len(gzip.compress(page.content)) <= 16 * 1024
        assert len(gzip.compress(fragment.content)) <= 9 * 1024

    def test_few_queries_however_many_rows(self, client, merchant, django_assert_max_num_queries):
        for _ in range(30):
            TransactionFactory(merchant=merchant, retrying=True)

        with django_assert_max_num_queries(8):
            client.get(f"{LIST}?status=failed")


class TestFragment:
    def test_htmx_gets_the_results_and_what_stands_around_them(self, client, merchant):
        TransactionFactory(merchant=merchant, failed=True)

        response = client.get(f"{LIST}?sort=-date&q=&status=failed", headers=HTMX)

        page = response.content.decode()
        assert "<html" not in page
        for part in ("summary", "chips", "views", "export"):
            assert re.search(rf'id="{part}"[^>]*hx-swap-oob="true"', page), part
        assert f"{EXPORT}?status=failed" in page
        assert response["HX-Push-Url"] == f"{LIST}?status=failed"
        assert response["X-Page-Title"].startswith("Failed%20%C2%B7%20Transactions")

    def test_history_gets_the_whole_page(self, client, merchant):
        headers = HTMX | {"HX-History-Restore-Request": "true"}

        assert b"<html" in client.get(LIST, headers=headers).content


class TestDetail:
    @pytest.fixture
    def row(self, merchant):
        case = CaseFactory(merchant=merchant, stripe_invoice_id="in_1")
        attempt = Attempt.objects.create(
            case=case, number=1, status=Attempt.Status.DECLINED, due_at=SUNDAY_NOON
        )
        for number, made_by in enumerate((None, attempt)):
            Try.objects.create(
                merchant=merchant,
                attempt=made_by,
                stripe_charge_id=f"ch_{number}",
                stripe_invoice_id="in_1",
                at=SUNDAY_NOON + dt.timedelta(days=number - 2),
                status=Try.Status.FAILED,
                amount_minor=14900,
                amount_due_minor=14900,
                amount_remaining_minor=14900,
                currency="usd",
                failure_code="card_declined",
                decline_code="do_not_honor",
            )
        return TransactionFactory(
            merchant=merchant, retrying=True, stripe_id="in_1", case_id=case.pk
        )

    def test_it_tells_what_happened_try_by_try_and_leads_to_the_case(self, client, row):
        response = client.get(reverse("transactions:detail", args=[row.pk]))

        page = text(response)
        assert "$149.00 from Sofia Rossi" in page
        assert "Wed, Nov 25, 12:00 PM EST · in 3 days" in page
        assert "Declined by bank do_not_honor" in page
        assert "Recoup, retry 1" in page
        assert reverse("recovery:case", args=[row.case_id]) in response.content.decode()

    def test_few_queries(self, client, row, django_assert_max_num_queries):
        with django_assert_max_num_queries(12):
            client.get(reverse("transactions:detail", args=[row.pk]))

    def test_a_payment_without_customer_or_charge(self, client, merchant):
        row = TransactionFactory(
            merchant=merchant,
            customer_name="",
            customer_email="",
            stripe_customer_id="",
            status=Transaction.Status.OPEN,
        )

        page = text(client.get(reverse("transactions:detail", args=[row.pk])))

        assert "Nothing was charged yet" in page
