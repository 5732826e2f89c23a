from dataclasses import replace

import pytest

from apps.dunning.provider_notes import ProviderNotes, SeenAtProvider, mismatches

NOTES = ProviderNotes("smart", 4, 14, "cancel", "leave")
SEEN = SeenAtProvider("in_1", 4, 13.9, goes_on=False, is_over=False)
OVER = replace(SEEN, is_over=True, subscription_status="canceled", invoice_status="open")


@pytest.mark.parametrize("seen", [SEEN, OVER, replace(SEEN, retries=1, days=2.0)])
def test_what_fits_is_no_mismatch(seen):
    assert mismatches(NOTES, [seen]) == []


@pytest.mark.parametrize(
    ("notes", "seen", "text"),
    [
        (NOTES, replace(SEEN, retries=5), "Stripe made 5 retries; you noted 4."),
        (
            NOTES,
            replace(SEEN, days=20.2),
            "Stripe tried 20 days after the first; you noted 2 weeks.",
        ),
        (
            ProviderNotes("off"),
            replace(SEEN, retries=0, goes_on=True),
            "Stripe retries it, though you noted that its retries are off.",
        ),
        (
            NOTES,
            replace(OVER, subscription_status="past_due"),
            "The subscription is past due; you noted canceled.",
        ),
        (
            NOTES,
            replace(OVER, invoice_status="uncollectible"),
            "The invoice is uncollectible; you noted that it stays open.",
        ),
        (
            replace(NOTES, invoice_end="uncollectible"),
            OVER,
            "The invoice is still open; you noted uncollectible.",
        ),
    ],
)
def test_what_stripe_did_otherwise_is_named(notes, seen, text):
    assert [(one.reference, one.text) for one in mismatches(notes, [seen])] == [("in_1", text)]


def test_nothing_noted_contradicts_nothing():
    assert mismatches(ProviderNotes(), [replace(OVER, retries=8, days=60.0)]) == []
