"""What the payment link offers, in every state an invoice may be in. No dead ends."""

import itertools

import pytest

from apps.dunning.facts import Decline
from apps.dunning.offers import LinkFacts, what_to_offer


def facts(**changes) -> LinkFacts:
    return LinkFacts(
        **{
            "invoice_status": "open",
            "processing": False,
            "requires_action": False,
            "subscription_status": "past_due",
            "decline": Decline("card_declined", "insufficient_funds"),
            **changes,
        }
    )


@pytest.mark.parametrize(
    ("changes", "state", "new_method", "invoice_page"),
    [
        ({}, "new_card", True, True),
        ({"subscription_status": "unpaid"}, "new_card", True, True),
        ({"requires_action": True}, "confirm", True, True),
        ({"decline": Decline("authentication_required")}, "confirm", True, True),
        ({"requires_action": True, "has_invoice_page": False}, "new_card", True, False),
        ({"subscription_status": ""}, "pay", False, True),
        ({"subscription_status": "", "has_invoice_page": False}, "new_card", True, False),
        ({"invoice_status": "uncollectible", "is_collected": False}, "pay", False, True),
        ({"is_collected": False}, "pay", False, True),
        ({"is_collected": False, "has_invoice_page": False}, "ask", False, False),
        ({"invoice_status": "paid"}, "paid", False, False),
        ({"invoice_status": "void"}, "nothing_owed", False, False),
        ({"invoice_status": "draft"}, "nothing_owed", False, False),
        ({"processing": True}, "processing", False, False),
        ({"subscription_status": "canceled"}, "ended", False, False),
    ],
)
def test_the_state_decides_what_stands_on_the_page(changes, state, new_method, invoice_page):
    offer = what_to_offer(facts(**changes))

    assert (offer.state, offer.new_method, offer.invoice_page) == (state, new_method, invoice_page)


def test_whatever_is_owed_and_can_be_collected_has_a_button():
    for status, requires, sub, page, collected in itertools.product(
        ("open", "uncollectible"),
        (True, False),
        ("", "active", "past_due", "unpaid", "paused"),
        (True, False),
        (True, False),
    ):
        offer = what_to_offer(
            facts(
                invoice_status=status,
                requires_action=requires,
                subscription_status=sub,
                has_invoice_page=page,
                is_collected=collected,
            )
        )

        assert offer.new_method or offer.invoice_page or offer.state == "ask"
        assert (offer.state == "ask") == (not page and not (collected and status == "open"))


@pytest.mark.parametrize("status", ["paid", "void", "draft"])
def test_nothing_can_be_paid_twice(status):
    for processing, requires in itertools.product((True, False), repeat=2):
        offer = what_to_offer(
            facts(invoice_status=status, processing=processing, requires_action=requires)
        )

        assert not offer.new_method
        assert not offer.invoice_page
