"""Columns and views of lists as one person keeps them."""

import re

import pytest
from django.urls import reverse

from apps.transactions.columns import TRANSACTIONS
from apps.web import services
from apps.web.preferences import MOST_VIEWS, columns_of, views_of
from tests.accounts.factories import MembershipFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

LIST = reverse("transactions:list")


@pytest.fixture
def membership(client):
    membership = MembershipFactory()
    client.force_login(membership.user)
    return membership


def heads(response) -> list[str]:
    found = re.findall(r'role="columnheader"[^>]*>(.*?)</th>', response.content.decode(), re.DOTALL)
    words = [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in found]
    return [one for one in words if one != "Selection"]


def columns(client, *shown: str, order=(), **more):
    data = {"page": "transactions", "order": order or shown, "shown": shown, **more}
    return client.post(reverse("web:save_columns"), data)


class TestColumns:
    def test_the_usual_ones_until_somebody_chooses(self, client, membership):
        TransactionFactory(merchant=membership.merchant)

        assert heads(client.get(LIST)) == [
            "Amount",
            "Status",
            "Customer",
            "Offer",
            "Decline reason",
            "Date",
        ]

    def test_chosen_ones_in_their_order_and_the_amount_always(self, client, membership):
        TransactionFactory(merchant=membership.merchant)

        columns(client, "invoice", "tries", "status")

        assert heads(client.get(LIST)) == ["Amount", "Invoice", "Tries", "Status"]

    def test_another_person_of_the_same_merchant_keeps_theirs(self, client, membership):
        TransactionFactory(merchant=membership.merchant)
        columns(client, "status")
        other = MembershipFactory(merchant=membership.merchant)

        client.force_login(other.user)

        assert len(heads(client.get(LIST))) == 6

    def test_moving_a_column_without_script(self, client, membership):
        columns(client, "status", "date", order=["status", "offer", "date"], move="up:date")

        membership.refresh_from_db()
        assert columns_of(membership, "transactions") == ["status", "date"]

        columns(client, "status", "date", order=["status", "date"], move="up:date")

        membership.refresh_from_db()
        assert columns_of(membership, "transactions") == ["date", "status"]

    def test_back_to_the_usual_ones_and_to_where_one_was(self, client, membership):
        columns(client, "status")

        response = columns(client, "status", usual="on", query="view=failed")

        assert response["Location"] == f"{LIST}?view=failed"
        membership.refresh_from_db()
        assert columns_of(membership, "transactions") == []

    def test_an_unknown_column_or_list_is_no_choice(self, client, membership):
        assert columns(client, "status", page="nowhere").status_code == 400
        assert TRANSACTIONS.chosen(["nonsense"]) == TRANSACTIONS.usual


class TestViews:
    def test_saved_opened_renamed_deleted_and_brought_back(self, client, membership):
        url = f"{LIST}?status=failed"
        assert "Save view" in client.get(url).content.decode()

        saved = client.post(
            reverse("web:save_view"),
            {"page": "transactions", "name": "To call", "query": "status=failed"},
        )

        assert saved["Location"] == url
        page = client.get(url).content.decode()
        assert re.search(r'href="[^"]*status=failed"\s+aria-current="page">To call', page)
        assert page.count('aria-current="page">') == 2  # the navigation and this view
        assert "Save view" not in page
        membership.refresh_from_db()
        [view] = views_of(membership, "transactions")
        client.post(reverse("web:rename_view", args=[view.id]), {"name": "Call today", "next": url})
        deleted = client.post(reverse("web:delete_view", args=[view.id]), follow=True)
        page = deleted.content.decode()
        assert "View deleted." in page
        assert "Call today" not in page
        restore = reverse("web:restore_view", args=[view.id])
        assert f'action="{restore}"' in page
        client.post(restore)
        assert "Call today" in client.get(LIST).content.decode()

    def test_one_of_the_same_name_is_replaced(self, membership):
        for query in ("status=failed", "status=retrying"):
            services.save_view(membership=membership, page="transactions", name="Mine", query=query)

        assert [view.query for view in views_of(membership, "transactions")] == ["status=retrying"]

    def test_there_is_an_end_to_them(self, membership):
        for number in range(MOST_VIEWS):
            services.save_view(
                membership=membership, page="transactions", name=f"{number}", query="q=1"
            )

        with pytest.raises(services.TooManyViews):
            services.save_view(membership=membership, page="transactions", name="x", query="q=1")

    def test_the_address_is_all_a_view_holds(self, client, membership):
        client.post(
            reverse("web:save_view"),
            {"page": "transactions", "name": "x", "query": 'q="><script>&status=failed'},
        )

        membership.refresh_from_db()
        [view] = views_of(membership, "transactions")
        assert view.query == "q=%22%3E%3Cscript%3E&status=failed"


class TestSingleKeys:
    def test_off_and_on_again(self, client, membership):
        assert "data-no-keys" not in client.get(LIST).content.decode()

        client.post(reverse("web:single_keys"), {"next": LIST})
        assert "data-no-keys" in client.get(LIST).content.decode()

        client.post(reverse("web:single_keys"), {"next": LIST, "on": "on"})
        assert "data-no-keys" not in client.get(LIST).content.decode()
