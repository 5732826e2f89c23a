import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from tests.accounts.factories import MembershipFactory
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.django_db

HOME = reverse("overview:home")
NOW = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory()
    client.force_login(membership.user)
    return membership.merchant


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def recovered(merchant, closed_at, **values):
    return CaseFactory(
        merchant=merchant,
        status="recovered",
        end_reason="paid",
        recovered_minor=14900,
        failed_at=closed_at - 2 * DAY,
        closed_at=closed_at,
        **values,
    )


def test_adds_up_what_is_at_risk_due_and_back_per_currency(client, merchant):
    CaseFactory(merchant=merchant, next_step="retry", next_try_at=NOW + 2 * DAY)
    CaseFactory(merchant=merchant, next_step="retry", next_try_at=NOW + 9 * DAY)
    CaseFactory(merchant=merchant, next_step="new_card", currency="jpy", amount_due_minor=9800)
    recovered(merchant, NOW - DAY)
    recovered(merchant, NOW - 40 * DAY)
    CaseFactory()  # another merchant's

    page = text(client.get(HOME))

    assert "At risk now $298.00 USD ¥9,800 JPY 3 cases" in page
    assert "To be tried in 7 days $149.00 USD 1 case" in page
    assert "Recovered, last 30 days $149.00 USD 1 case" in page


def test_needs_attention_is_at_most_seven_rows_most_money_first(client, merchant):
    for number in range(9):
        CaseFactory(merchant=merchant, next_step="new_card", amount_due_minor=1000 * (number + 1))
    CaseFactory(merchant=merchant, next_step="retry", amount_due_minor=99_000)

    response = client.get(HOME)

    amounts = [row.case.amount_due_minor for row in response.context["attention"]]
    assert amounts == [9000, 8000, 7000, 6000, 5000, 4000, 3000]
    assert text(response).count("Open case") == 7
    assert "All that need attention" in text(response)


def test_recently_recovered_are_the_five_newest(client, merchant):
    cases = [recovered(merchant, NOW - number * DAY) for number in range(7)]

    shown = [row.case for row in client.get(HOME).context["recovered"]]

    assert shown == cases[:5]


def test_empty_is_honest(client, merchant):
    merchant.stripe_account_id = ""
    merchant.save()

    page = text(client.get(HOME))

    assert "At risk now \N{EN DASH} 0 cases" in page
    assert "No failed payments. Next check: with the next Stripe event." in page
    assert "Stripe is not connected yet" in page
