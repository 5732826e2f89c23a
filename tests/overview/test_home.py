import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.dunning_emails.models import BouncedAddress
from apps.recovery.models import RecoveryCase
from tests.accounts.factories import MembershipFactory
from tests.analytics.crowd import make_crowd
from tests.analytics.factories import AlertFactory
from tests.customers.factories import CustomerFactory
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
    assert "$298.00 will be tried again in the next 14 days" in page
    assert "Recovery rate, last 30 days USD \N{EN DASH} Too few to tell" in page
    assert "Lost, last 30 days USD $0.00 0 cases" in page
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
    page = text(client.get(HOME))

    assert "At risk now \N{EN DASH} 0 cases" in page
    assert "No failed payments. Next check: with the next Stripe event." in page


def test_the_steps_stand_there_until_stripe_is_connected(client, merchant):
    merchant.stripe_account_id = ""
    merchant.save()

    page = text(client.get(HOME))

    assert "Stripe is not connected yet" in page
    assert "1. Connect Stripe Next" in page
    assert "4. Choose settings Later" in page
    assert "At risk now" not in page


def test_a_connected_store_is_told_how_far_its_set_up_is(client, merchant):
    page = text(client.get(HOME))

    assert "Set up: 1 of 4 steps done. Go on" in page


def test_what_is_wrong_stands_above_the_cases(client, merchant):
    for number in range(4):
        AlertFactory(merchant=merchant, kind="spike", key=f"reason:{number}")
    AlertFactory(text="Somebody else's.")

    page = text(client.get(HOME))

    assert page.count("One kind of failure is rising") == 3
    assert "All alerts" in page
    assert "Somebody else" not in page


def test_the_last_try_tomorrow_needs_attention(client, merchant):
    last = 7  # of eight for lack of funds
    for made, days in ((0, 1), (last, 1), (last, 3)):
        CaseFactory(
            merchant=merchant,
            next_step="retry",
            next_try_at=NOW + days * DAY,
            retries_made=made,
            last_decline_code="insufficient_funds",
            last_failure_code="card_declined",
        )

    response = client.get(HOME)

    shown = [row.case for row in response.context["attention"]]
    assert [(case.retries_made, case.next_try_at) for case in shown] == [(last, NOW + DAY)]
    assert "last try tomorrow" in text(response)


def test_what_stripe_tries_tomorrow_needs_nobody(client, merchant):
    CaseFactory(merchant=merchant, next_step="stripe", next_try_at=NOW + DAY)

    assert client.get(HOME).context["attention"] == []


def test_whoever_gets_no_mail_needs_attention_once(client, merchant):
    customer = CustomerFactory(merchant=merchant, email="Gone@Example.com", name="Ana Gone")
    BouncedAddress.objects.create(
        merchant=merchant, email="gone@example.com", reason="bounced", at=NOW
    )
    for step in ("retry", "new_card"):
        CaseFactory(
            merchant=merchant,
            next_step=step,
            next_try_at=NOW + 9 * DAY if step == "retry" else None,
            stripe_customer_id=customer.stripe_customer_id,
        )
    CaseFactory(merchant=merchant, next_step="retry", next_try_at=NOW + 9 * DAY)

    response = client.get(HOME)

    assert len(response.context["attention"]) == 2
    assert text(response).count("Emails to this customer come back") == 2


def test_the_first_two_figures_show_how_they_moved(client, merchant):
    make_crowd(merchant, now=NOW)

    known = client.get(HOME).context["known"]

    assert known.failed.change
    assert known.came_back.change
    assert known.came_back.spark.startswith("M")


def test_rate_and_lost_are_the_counted_ones(client, merchant, django_assert_max_num_queries):
    make_crowd(merchant, now=NOW)

    with django_assert_max_num_queries(24):
        response = client.get(HOME)

    known = response.context["known"]
    assert " ".join(known.rate.value.split()) in text(response)
    since = dt.datetime(2026, 10, 20, 4, tzinfo=dt.UTC)  # midnight in New York
    cases = RecoveryCase.objects.filter(failed_at__gte=since)
    count = {
        status: cases.filter(status=status).count() for status in ("recovered", "lost", "open")
    }
    closed = count["recovered"] + count["lost"]
    assert f"{count['lost']} cases" in known.lost.beside
    assert f"By count {round(100 * count['recovered'] / closed)}" in known.rate.beside
    assert (count["open"] == 0) == ("0 % still open" in known.rate.beside)
    assert known.lost.definition in text(response)
    assert "%" in known.rate.value
