"""What ends or holds the tries beside a payment, from the event to the page."""

import pytest

from apps.recovery.models import CaseEvent
from sandbox import cards
from tests.story.world import DAY, HOUR


@pytest.fixture
def failed(world):
    """A renewal that failed for lack of funds, with a retry planned."""
    world.choose()
    sold = world.subscribe(cards.declines("insufficient_funds"))
    world.until_the_renewal_failed()
    assert world.case.next_step == "retry"
    return sold


def first_charge(world, sold):
    [charge] = [
        one
        for one in world.sandbox.books().all("charge")
        if one["customer"] == sold["customer"] and one["status"] == "succeeded"
    ]
    return charge


@pytest.mark.parametrize("what", ["dispute", "refund"])
def test_money_taken_back_from_an_earlier_payment_holds_the_tries(world, failed, what):
    act = getattr(world.sandbox, what)
    act(first_charge(world, failed))
    world.settle_down()

    assert (world.case.next_step, world.case.hold) == ("held", what)
    assert world.transaction.status_detail == "On hold"
    world.advance(8 * DAY)
    assert (
        world.charges(world.case.stripe_invoice_id, "failed")
        == world.charges(world.case.stripe_invoice_id, "failed")[:1]
    ), "nothing was tried"


def test_a_dispute_after_the_recovery_is_noted(world):
    world.choose()
    world.subscribe(cards.declines("insufficient_funds", times=1))
    world.until_the_renewal_failed()
    world.until_the_next_try()
    [charge] = world.charges(world.case.stripe_invoice_id)

    world.advance(3 * DAY)
    world.sandbox.dispute(charge)
    world.settle_down()

    assert world.case.status == "recovered"
    assert world.case.events.filter(kind=CaseEvent.Kind.DISPUTED).exists()
    assert world.transaction.status == "disputed"


def test_the_same_offer_bought_again_stops_the_tries(world, failed):
    old = world.ask("GET", f"/v1/subscriptions/{failed['id']}")
    price = old["items"]["data"][0]["price"]["id"]
    new_card = world.sandbox.create_card(failed["customer"], behaviour=[])
    world.ask(
        "POST",
        "/v1/subscriptions",
        {
            "customer": failed["customer"],
            "items": [{"price": price}],
            "default_payment_method": new_card["id"],
        },
    )
    world.settle_down()

    assert (world.case.status, world.case.end_reason) == ("stopped", "bought_again")
    world.advance(10 * DAY)
    assert not world.charges(world.case.stripe_invoice_id)


def test_an_invoice_paid_elsewhere_is_never_ours(world, failed):
    world.sandbox.judge.attempt_exists = None  # the merchant's own doing, in Stripe's dashboard
    world.ask(
        "POST", f"/v1/invoices/{world.case.stripe_invoice_id}/pay", {"paid_out_of_band": True}
    )
    world.settle_down()

    assert (world.case.status, world.case.end_reason) == ("stopped", "paid_elsewhere")
    assert world.case.recovered_minor == 0


def test_a_voided_invoice_is_lost(world, failed):
    world.ask("POST", f"/v1/invoices/{world.case.stripe_invoice_id}/void")
    world.settle_down()

    assert (world.case.status, world.case.end_reason) == ("lost", "voided")


def test_a_disconnected_account_is_left_alone(make_world):
    world = make_world(connect=True)
    world.choose()
    world.subscribe(cards.declines("insufficient_funds"))
    world.until_the_renewal_failed()
    assert world.case.next_step == "retry"

    world.sandbox.disconnect(world.account)
    world.advance(HOUR)

    world.merchant.refresh_from_db()
    assert world.merchant.detached_at is not None
    world.calls()
    world.advance(4 * DAY)
    assert "POST /v1/invoices/{id}/pay" not in world.calls()
