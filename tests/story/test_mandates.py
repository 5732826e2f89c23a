"""A bank debit is tried again only while its mandate is in force."""

from dataclasses import replace

import pytest

from apps.customers.models import PaymentMethod
from apps.dunning.presets import RECOMMENDED
from sandbox import cards
from tests.story.world import DAY, HOUR


@pytest.fixture
def bank(world):
    """An account whose first renewal is returned for too little money; the case is open."""
    world.choose(rules=replace(RECOMMENDED, debits_recurring=True))
    payer = world.sandbox.create_customer(name="Sofia Rossi", email="sofia@example.com")
    bank = world.sandbox.create_bank_account(
        payer,
        behaviour=[
            {**cards.settles_later()[0], "times": 1},  # the first payment
            *cards.settles_later(reason="insufficient_funds"),
        ],
    )
    price = world.sandbox.create_price(14_900, "usd", name="Studio Membership")
    world.sandbox.subscribe(payer, price, default_payment_method=bank["id"])
    world.settle_down()
    world.advance(36 * DAY)
    assert world.case.next_step == "retry"
    return bank


def test_while_the_mandate_is_in_force_the_debit_is_collected_again(world, bank, client):
    world.until_the_next_try()

    attempt = world.case.attempts.first()
    assert (attempt.trigger, attempt.status) == ("schedule", "processing")
    assert PaymentMethod.objects.get().mandate == "active"


def test_once_it_is_taken_back_nothing_is_charged_and_the_customer_is_asked(world, bank):
    invoice_id = world.case.stripe_invoice_id
    charges = len(world.charges(invoice_id, "failed"))

    world.sandbox.revoke_mandate(bank)
    world.settle_down()

    case = world.case
    assert case.next_step == "new_card"
    assert case.reasons[0]["code"] == "mandate_inactive"
    assert case.attempts.get().skip_reason == "mandate_inactive"
    world.advance(20 * DAY + HOUR)
    assert len(world.charges(invoice_id, "failed")) == charges
    assert PaymentMethod.objects.get().mandate == "inactive"


def test_one_taken_back_unheard_of_is_seen_before_the_call(world, bank):
    """No event tells of it: the read right before the charge does."""
    mandate = world.sandbox.books(None).all("mandate")[0]
    mandate["status"] = "inactive"
    world.sandbox.books(None).save(mandate)

    world.until_the_next_try()

    assert world.case.attempts.get().skip_reason == "mandate_inactive"
    assert world.case.next_step == "new_card"
