"""Export selected: a file of exactly the rows that were picked."""

import csv
import io
import re
import uuid
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import reverse

from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

CHOICE = {"which": "all", "times": "offset", "zone": "UTC"}
LISTS: dict[str, tuple[Any, str, str]] = {
    "transactions": (TransactionFactory, "Stripe invoice ID", "stripe_invoice_id"),
    "subscriptions": (SubscriptionFactory, "Stripe subscription ID", "stripe_subscription_id"),
    "recovery": (CaseFactory, "Stripe invoice ID", "stripe_invoice_id"),
}


@pytest.fixture
def merchant(client):
    membership = MembershipFactory(role="viewer")
    client.force_login(membership.user)
    return membership.merchant


def select(client, source, **data) -> str:
    """Press Export selected; give the address it leads to."""
    response = client.post(reverse("exports:selected", args=[source]), data)
    assert response.status_code == 302
    return response["Location"]


def file_of(client, address) -> tuple[str, list[dict[str, str]]]:
    """Export from the page of an address, as its form says; give the file's name and rows."""
    asked = client.get(address).content.decode()
    (action,) = re.findall(r'action="([^"]+)"\s+class="export-form"', asked)
    response = client.post(action.replace("&amp;", "&"), {"key": uuid.uuid4()} | CHOICE)
    body = b"".join(response).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(body, newline=""), strict=True))
    return response["Content-Disposition"], rows


@pytest.mark.parametrize("source", LISTS)
def test_the_file_has_exactly_the_selected_rows(client, merchant, source):
    make, column, name = LISTS[source]
    rows = [make(merchant=merchant) for _ in range(4)]
    picked = [rows[3], rows[1]]

    address = select(client, source, query="", pick=[row.pk for row in picked])
    shown = " ".join(client.get(address).content.decode().split())
    disposition, found = file_of(client, address)

    assert "2 rows selected" in shown
    assert "-selected-" in disposition
    assert {row[column] for row in found} == {getattr(row, name) for row in picked}


def test_the_rows_keep_the_order_of_the_list(client, merchant):
    rows = [TransactionFactory(merchant=merchant, amount_minor=n) for n in (300, 100, 200)]

    address = select(
        client, "transactions", query="sort=amount", pick=[rows[0].pk, rows[2].pk, rows[1].pk]
    )

    _, found = file_of(client, address)
    assert [row["Amount (smallest unit)"] for row in found] == ["100", "200", "300"]


def test_all_of_a_list_is_its_query(client, merchant):
    for _ in range(3):
        TransactionFactory(merchant=merchant, failed=True)
    one = TransactionFactory(merchant=merchant)

    address = select(client, "transactions", query="status=failed&pick=7", all="on", pick=[one.pk])

    assert urlsplit(address).query == "status=failed"
    assert len(file_of(client, address)[1]) == 3


def test_nothing_picked_leads_back_to_the_list(client, merchant):
    assert select(client, "transactions", query="") == reverse("transactions:list")


@pytest.mark.parametrize("pick", ["0", "x", "99999999999999999999"])
def test_what_is_no_row_gives_no_row_instead_of_all(client, merchant, pick):
    TransactionFactory(merchant=merchant)

    assert file_of(client, f"/exports/new/transactions/?pick={pick}")[1] == []


def test_another_merchants_rows_are_not_in_it(client, merchant):
    mine = TransactionFactory(merchant=merchant)
    other = TransactionFactory(merchant=MerchantFactory())

    address = select(client, "transactions", query="", pick=[mine.pk, other.pk])

    assert [row["Stripe invoice ID"] for row in file_of(client, address)[1]] == [
        mine.stripe_invoice_id
    ]
