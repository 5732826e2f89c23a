"""Customers who give a better card are charged within seconds, wherever the old one stood."""

from dataclasses import replace

import pytest

from apps.dunning.presets import RECOMMENDED
from apps.dunning.rules import steps_from_days
from apps.recovery import services as recovery
from apps.recovery.models import Attempt
from sandbox import cards
from tests.story.world import DAY, HOUR


def put_card_in(world, sold, field: str) -> None:
    """Move the first card to the field whose failure a story is about."""
    owner, leaf = field.split(".", 1)
    card = world.ask("GET", f"/v1/customers/{sold['customer']}")["invoice_settings"][
        "default_payment_method"
    ]
    world.ask(
        "POST",
        f"/v1/customers/{sold['customer']}",
        {"invoice_settings": {"default_payment_method": ""}},
    )
    if owner == "subscription":
        world.ask("POST", f"/v1/subscriptions/{sold['id']}", {leaf: card})
    elif leaf == "default_source":
        world.ask("POST", f"/v1/customers/{sold['customer']}", {"default_source": card})
    else:
        params = {"invoice_settings": {"default_payment_method": card}}
        world.ask("POST", f"/v1/customers/{sold['customer']}", params)


FIELDS = [
    "subscription.default_payment_method",
    "subscription.default_source",
    "customer.invoice_settings.default_payment_method",
    "customer.default_source",
]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("reason", ["stolen_card", "insufficient_funds"])
def test_a_new_default_is_charged_within_seconds(world, field, reason):
    world.choose()
    sold = world.subscribe()
    world.sandbox.fail_next(
        world.ask("GET", f"/v1/customers/{sold['customer']}")["invoice_settings"][
            "default_payment_method"
        ],
        reason,
        times=9,
    )
    put_card_in(world, sold, field)
    world.until_the_renewal_failed()
    assert world.case.status == "open"

    new = world.sandbox.replace_card(sold["customer"])
    world.settle_down()

    assert world.case.status == "recovered"
    assert world.subscription.access == "granted"
    assert len(world.charges(world.case.stripe_invoice_id)) == 1
    if field.startswith("subscription"):
        changed = world.ask("GET", f"/v1/subscriptions/{sold['id']}")
        assert changed["default_payment_method"] == new["id"], "the field that failed"
    line = world.case.events.get(kind="recovered").text
    assert line.startswith("Fixed by the customer at ")


def test_a_finished_checkout_setup_and_the_link_charge_once_together(world):
    """Both the customer's way back and the webhook report the same new card."""
    world.choose()
    sold = world.subscribe(cards.declines("lost_card"))
    world.until_the_renewal_failed()
    session = world.ask(
        "POST",
        "/v1/checkout/sessions",
        {
            "mode": "setup",
            "customer": sold["customer"],
            "currency": "usd",
            "success_url": "https://recoup.test/",
        },
    )
    method = world.sandbox.complete_checkout(session)

    fixed = recovery.fix_and_collect(
        merchant=world.merchant,
        stripe_customer_id=sold["customer"],
        payment_method_id=method["id"],
        trigger=Attempt.Trigger.LINK,
        now=world.now,
    )
    world.settle_down()  # the webhooks arrive while the charge is claimed
    recovery.carry_out(attempt_id=fixed.attempt_id, now=world.now)
    world.settle_down()

    assert world.case.status == "recovered"
    assert world.case.attempts.get().trigger == "link"
    assert len(world.charges(world.case.stripe_invoice_id)) == 1


def test_a_card_that_fails_too_leaves_the_schedule_where_it_was(world):
    world.choose()
    sold = world.subscribe(cards.declines("insufficient_funds"))
    world.until_the_renewal_failed()
    planned = world.case.next_try_at

    world.sandbox.replace_card(sold["customer"], behaviour=cards.declines("insufficient_funds"))
    world.settle_down()

    case = world.case
    assert (case.status, case.next_try_at, case.retries_made) == ("open", planned, 0)
    assert case.attempts.get(status="declined").trigger == "method_changed"


def test_several_open_invoices_the_newest_is_charged_and_the_older_offered(world):
    funds = steps_from_days([2, 59])
    long = replace(RECOMMENDED, table={**RECOMMENDED.table, "funds": funds})
    world.choose(rules=long)
    sold = world.subscribe(cards.declines("stolen_card"))
    world.advance(61 * DAY + 3 * HOUR)
    newest, older = world.merchant.cases.order_by("-failed_at")
    assert (newest.next_step, older.next_step) == ("new_card", "new_card")

    world.sandbox.replace_card(sold["customer"])
    world.settle_down()

    newest.refresh_from_db()
    older.refresh_from_db()
    assert (newest.status, older.status) == ("recovered", "open")
    assert not world.charges(older.stripe_invoice_id), "offered, not charged unasked"
