"""Short ways to make facts: one failed invoice of 149 dollars on Monday, 2 November 2026, 9:30 in New York."""

from datetime import UTC, datetime, timedelta

from apps.dunning.facts import CaseFacts, Decline, Method, PaymentTry
from apps.dunning.money import Money

FAILED_AT = datetime(2026, 11, 2, 14, 30, tzinfo=UTC)
NEW_YORK = "America/New_York"
CARD = Method(reference="pm_1", brand="visa", last4="4242", fingerprint="fp_1", country="US")


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    return timedelta(days=count)


def declined(code: str, **fields) -> Decline:
    return Decline("card_declined", code, **fields)


def failed(code="insufficient_funds", *, at=FAILED_AT, on=CARD, decline=None, **fields):
    return PaymentTry(
        at=at,
        succeeded=False,
        decline=decline or declined(code),
        method_reference=on.reference,
        fingerprint=on.fingerprint,
        method_type=on.type,
        **fields,
    )


def case(*tries: PaymentTry | str, **fields) -> CaseFacts:
    """Facts with these tries; a bare code is a decline at the first failure."""
    made = tuple(failed(one) if isinstance(one, str) else one for one in tries)
    values = {
        "invoice_status": "open",
        "amount_remaining": Money(14900, "usd"),
        "first_failed_at": made[0].at if made else FAILED_AT,
        "tries": made,
        "retries_made": 0,
        "method": CARD,
        "zone": NEW_YORK,
        "subscription_status": "past_due",
        "card_tries": tuple(one.at for one in made if one.reached_network),
    }
    return CaseFacts(**{**values, **fields})


def codes_of(decision) -> list[str]:
    return [reason.code for reason in decision.reasons]
