"""The product's main job: a renewal fails, is retried at the right moment, and comes back."""

import datetime as dt
from dataclasses import replace

import pytest

from apps.dunning.presets import DAYS_3_5_7
from sandbox import cards
from tests.story.world import DAY, HOUR


def test_a_failed_renewal_is_planned_retried_once_and_recovered(world):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()

    case, row, subscription = world.case, world.transaction, world.subscription
    attempt = case.attempts.get()
    billing_date = subscription.next_payment_at
    assert subscription.status == "past_due"
    assert subscription.access == "revoked"
    assert (row.status, row.decline_code) == ("retrying", "insufficient_funds")
    assert row.next_try_at == attempt.due_at > world.now
    assert attempt.due_at.astimezone(world.merchant.zone).time() == dt.time(10)
    assert case.reasons[0]["text"]

    world.advance(attempt.due_at - world.now - HOUR)
    assert world.case.status == "open"
    assert len(world.charges(case.stripe_invoice_id)) == 0
    world.advance(2 * HOUR)

    case, row, subscription = world.case, world.transaction, world.subscription
    assert (case.status, case.end_reason) == ("recovered", "paid")
    assert row.status == "recovered"
    assert (subscription.status, subscription.access) == ("active", "granted")
    assert subscription.next_payment_at == billing_date
    assert len(world.charges(case.stripe_invoice_id)) == 1
    assert [event.kind for event in case.events.order_by("id")] == [
        "opened",
        "try_failed",
        "planned",
        "takeover",
        "access_revoked",
        "recovered",
        "access_granted",
    ]


def test_stripe_is_only_watched_until_the_merchant_chooses(world):
    world.subscribe(cards.declines("generic_decline", times=1))
    world.until_the_renewal_failed()

    assert world.case.engine == "stripe"
    assert world.transaction.status == "retrying"
    assert world.transaction.next_try_by == "stripe"
    assert world.subscription.access == "granted"
    world.advance(15 * DAY)

    assert world.case.status == "recovered"
    assert not world.case.attempts.exists()


def test_a_timeout_after_the_charge_succeeded_charges_once(world):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    world.sandbox.faults.add("timeout_after", method="POST", path="/v1/invoices/*/pay")

    world.until_the_next_try()

    assert world.case.status == "recovered"
    assert world.case.attempts.get().status == "succeeded"
    assert len(world.charges(world.case.stripe_invoice_id)) == 1


@pytest.mark.parametrize("fault", ["timeout_before", "rate_limit", "lock_timeout"])
def test_a_request_that_never_ran_is_sent_again(world, fault):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    world.sandbox.faults.add(fault, method="POST", path="/v1/invoices/*/pay")

    world.until_the_next_try()

    assert world.case.status == "recovered"
    assert len(world.charges(world.case.stripe_invoice_id)) == 1


@pytest.mark.parametrize("fault", ["error_500", "error_500_after"])
def test_a_500_kept_under_the_key_ends_by_evidence(world, fault):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    world.sandbox.faults.add(fault, method="POST", path="/v1/invoices/*/pay")

    world.advance(world.case.next_try_at - world.now + 60 * HOUR)

    assert world.case.status == "recovered"
    assert len(world.charges(world.case.stripe_invoice_id)) == 1


def test_duplicated_and_shuffled_events_end_in_the_same_place(world):
    world.choose()
    world.post.switch("duplicate")
    world.post.switch("shuffle")
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    world.until_the_next_try()

    assert world.case.status == "recovered"
    assert world.transaction.tries == 2
    assert world.subscription.access == "granted"
    assert world.case.events.filter(kind="try_failed").count() == 1


def test_a_hard_decline_waits_and_a_new_card_is_charged_at_once(world):
    world.choose()
    world.subscribe(cards.declines("stolen_card"))
    world.until_the_renewal_failed()
    assert world.transaction.status == "needs_card"
    assert world.transaction.next_try_at is None
    world.advance(10 * DAY)
    assert len(world.charges(world.case.stripe_invoice_id, "failed")) == 1

    world.sandbox.replace_card(world.subscription.stripe_customer_id)
    world.settle_down()

    assert world.case.status == "recovered"
    assert world.subscription.status == "active"


def test_3d_secure_waits_for_the_customer_and_takes_no_access(world):
    world.choose()
    world.subscribe(cards.needs_authentication())
    world.until_the_renewal_failed()
    assert world.transaction.status == "needs_authentication"
    assert world.subscription.access == "granted"
    assert not world.case.attempts.exists()

    world.sandbox.complete_authentication(world.case.stripe_invoice_id)
    world.settle_down()

    assert world.case.status == "recovered"


def test_a_customer_who_cancels_is_never_charged_again(world):
    world.choose()
    subscription = world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    due_at = world.case.next_try_at

    world.ask("DELETE", f"/v1/subscriptions/{subscription['id']}")
    world.advance(due_at - world.now + DAY)

    assert world.case.status == "stopped"
    assert world.charges(world.case.stripe_invoice_id) == []


def test_when_nothing_helps_the_final_action_is_carried_out(world):
    world.choose(rules=replace(DAYS_3_5_7, final_action="cancel"))
    world.subscribe(cards.declines("insufficient_funds"))
    world.until_the_renewal_failed()

    world.advance(9 * DAY)

    case = world.case
    assert (case.status, case.end_reason) == ("lost", "tries_used_up")
    assert world.subscription.status == "canceled"
    assert world.subscription.ended_for_nonpayment
    assert len(world.charges(case.stripe_invoice_id, "failed")) == 4
    assert list(case.attempts.values_list("number", "status").order_by("number")) == [
        (1, "declined"),
        (2, "declined"),
        (3, "declined"),
    ]


def test_a_first_purchase_that_fails_opens_nothing(world):
    world.choose()
    price = world.sandbox.create_price(14_900)
    customer = world.sandbox.create_customer_with_card(
        behaviour=cards.declines("insufficient_funds")
    )
    world.sandbox.subscribe(customer, price, first_payment_succeeds=False)
    world.settle_down()

    assert not world.merchant.cases.exists()
    assert world.subscription.status == "incomplete"
    assert world.merchant.transactions.get().status == "incomplete"


def test_few_calls_to_stripe_for_a_renewal(world, capsys):
    """Few reads: several events about one invoice within seconds cost one read."""
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.advance(30 * DAY - HOUR)
    world.calls()
    world.advance(4 * HOUR)
    failed = world.calls()
    world.advance(world.case.next_try_at - world.now - HOUR)
    waiting = world.calls()
    world.advance(2 * HOUR)
    recovered = world.calls()

    with capsys.disabled():
        print(f"\nfailed renewal: {failed}\nwhile waiting: {waiting}\nrecovery: {recovered}")
    assert sum(failed.values()) <= 8
    assert sum(recovered.values()) <= 8
