"""The same story where Stripe, the bank or the network do it differently."""

from dataclasses import replace

import pytest

from apps.dunning.presets import RECOMMENDED
from apps.webhooks import services as webhooks
from sandbox import cards
from tests.story.world import DAY, HOUR


@pytest.mark.parametrize("version", ["2024-12-18.acacia", "2025-03-31.basil", None])
def test_events_of_any_api_version_tell_the_same(make_world, version):
    world = make_world(api_version=version)
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    assert world.transaction.status == "retrying"

    world.until_the_next_try()

    assert world.case.status == "recovered"
    assert world.subscription.access == "granted"


def test_a_connected_account_is_charged_in_its_own_name(make_world):
    world = make_world(connect=True)
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    world.until_the_next_try()

    assert world.case.status == "recovered"
    assert len(world.charges(world.case.stripe_invoice_id)) == 1


def test_without_a_single_webhook_the_sweep_finds_the_failure(world):
    world.choose()
    world.post.switch("drop_for_ever")
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    assert not world.merchant.cases.exists()

    webhooks.sweep_events(now=world.now)
    world.settle_down()
    assert world.transaction.status == "retrying"
    world.until_the_next_try()

    assert world.case.status == "recovered"


def test_a_lost_webhook_about_a_payment_is_found_by_reconciliation(world):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds"))
    world.until_the_renewal_failed()
    world.post.switch("drop_for_ever")
    world.sandbox.customer_pays(world.case.stripe_invoice_id)

    world.advance(DAY + HOUR)

    assert world.case.status == "recovered"


@pytest.mark.parametrize("currency", ["jpy", "kwd", "isk"])
def test_amounts_of_every_currency_stay_whole(world, currency):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1), currency=currency)
    world.until_the_renewal_failed()
    world.until_the_next_try()

    case = world.case
    assert (case.recovered_minor, case.currency) == (14_900, currency)


def test_a_payment_plan_is_treated_like_a_subscription(world):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1), instalments=3)
    world.until_the_renewal_failed()

    assert world.case.kind == "payment_plan"
    assert (world.subscription.status, world.subscription.access) == ("past_due", "revoked")
    world.until_the_next_try()

    assert world.case.status == "recovered"
    assert (world.subscription.installments_paid, world.subscription.installments_total) == (2, 3)


def test_a_bank_debit_that_bounces_goes_on_with_its_own_schedule(world):
    world.choose(rules=replace(RECOMMENDED, debits_recurring=True))
    sold = world.subscribe()
    debit = world.sandbox.create_bank_account(
        sold["customer"],
        type="sepa_debit",
        behaviour=cards.settles_later(after=4 * DAY, reason="insufficient_funds", times=1),
    )
    chosen = {"invoice_settings": {"default_payment_method": debit["id"]}}
    world.ask("POST", f"/v1/customers/{sold['customer']}", chosen)
    world.until_the_renewal_failed()
    assert not world.merchant.cases.exists()
    assert world.transaction.status == "processing"

    world.advance(5 * DAY)
    assert world.transaction.status == "retrying"
    world.until_the_next_try()
    assert world.transaction.status == "processing"
    assert world.case.attempts.get().status == "processing"
    world.advance(5 * DAY)

    assert world.case.status == "recovered"
    assert len(world.charges(world.case.stripe_invoice_id)) == 1


def test_a_card_renewed_by_the_network_is_tried_at_once(world):
    world.choose()
    world.subscribe(cards.updated_by_network())
    world.until_the_renewal_failed()
    assert world.transaction.status == "needs_card"

    world.advance(2 * DAY)

    assert world.case.status == "recovered"
    assert not world.case.attempts.get().uses_step


def test_with_automations_the_next_try_comes_with_a_later_event(world):
    """The first report of the failure has no time yet; `invoice.updated` brings it."""
    world.sandbox.set_automations(True)
    world.post.switch("drop_for_ever", types="invoice.updated")
    world.subscribe(cards.declines("generic_decline", times=1))
    world.until_the_renewal_failed()
    row = world.transaction
    assert (row.status, row.next_try_at) == ("retrying", None)
    assert row.stripe_goes_on == "Time not set yet"

    world.post.switch_off()
    world.advance(DAY + HOUR)

    assert world.transaction.next_try_at is not None
    assert world.transaction.stripe_goes_on.startswith("Stripe tries again on ")
