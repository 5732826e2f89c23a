"""Payment plans: the oldest missed instalment first, and no end with a gap."""

from dataclasses import replace

import pytest
from django.urls import reverse

from apps.dunning.presets import RECOMMENDED
from apps.dunning.rules import steps_from_days
from apps.recovery.models import Attempt, RecoveryCase
from tests.accounts.factories import MembershipFactory
from tests.story.world import DAY, HOUR

LATE_RETRIES = replace(RECOMMENDED, table={**RECOMMENDED.table, "funds": steps_from_days([9, 20])})
"""The first retry of a weekly instalment comes after the next one fell due."""


@pytest.fixture
def plan(world):
    """Three weekly instalments, of which the first is paid."""
    world.choose(rules=LATE_RETRIES)
    customer = world.sandbox.create_customer_with_card(name="Sofia Rossi")
    price = world.sandbox.create_price(14_900, "usd", name="Course", interval="week")
    sold = world.sandbox.subscribe_in_instalments(customer, price, 3)
    world.settle_down()
    return sold


def two_missed(world, sold, *, declines: int):
    """Let both later instalments fail; give back their cases, the older one first."""
    customer = world.ask("GET", f"/v1/customers/{sold['customer']}")
    card = customer["invoice_settings"]["default_payment_method"]
    world.sandbox.fail_next(card, "insufficient_funds", times=declines)
    world.advance(14 * DAY + 3 * HOUR)
    return tuple(RecoveryCase.objects.order_by("failed_at"))


def test_a_newer_instalment_waits_for_the_older_one_and_goes_after_the_plans_end(world, plan):
    older, newer = two_missed(world, plan, declines=2)
    assert older.next_step == "retry"
    assert (newer.next_step, newer.reasons[0]["code"]) == ("nothing", "older_instalment")

    world.advance(older.next_try_at - world.now + HOUR)

    older.refresh_from_db()
    newer.refresh_from_db()
    assert older.status == "recovered"
    assert newer.next_step == "retry", "heard of at once, not a day later"
    assert not Attempt.objects.filter(case=newer, sent_at__isnull=False).exists()

    world.advance(21 * DAY + 3 * HOUR - (world.now - older.failed_at) - 7 * DAY)
    stripe_says = world.ask("GET", f"/v1/subscriptions/{plan['id']}")["status"]
    newer.refresh_from_db()
    row = world.subscription
    assert (stripe_says, row.status, row.installments_missed) == ("canceled", "past_due", 1)
    assert (newer.status, newer.next_step) == ("open", "retry"), "time ends no debt"

    world.advance(newer.next_try_at - world.now + HOUR)
    newer.refresh_from_db()
    row = world.subscription
    assert newer.status == "recovered"
    assert (row.status, row.installments_paid, row.access) == ("completed", 3, "granted")


def test_a_gap_is_no_completed_plan_and_its_catch_up_is_shown(world, plan, client):
    two_missed(world, plan, declines=1)  # the third instalment is paid, the second is not
    case = world.case
    world.sandbox.request(
        "POST",
        f"/v1/invoices/{case.stripe_invoice_id}/mark_uncollectible",
        {},
        {"Authorization": f"Bearer {world.sandbox.secret_key}"},
    )
    world.advance(8 * DAY)

    row = world.subscription
    assert (row.status, row.installments_paid, row.installments_missed) == ("canceled", 2, 1)
    assert row.access != "granted"
    client.force_login(MembershipFactory(merchant=world.merchant).user)
    page = client.get(reverse("subscriptions:detail", args=[row.pk])).content.decode()
    assert "Catch up: 1 missed instalment" in page


def test_a_new_card_pays_the_oldest_instalment_and_then_the_newer_one(world, plan):
    older, newer = two_missed(world, plan, declines=99)

    world.sandbox.replace_card(plan["customer"])
    world.settle_down()

    older.refresh_from_db()
    newer.refresh_from_db()
    assert (older.status, newer.status) == ("recovered", "open")
    assert not world.charges(newer.stripe_invoice_id), "never two at the same moment"
    world.advance(HOUR)
    newer.refresh_from_db()
    assert newer.status == "recovered"
