"""Why a charge was refused, from the three places where Stripe says it."""

from dataclasses import fields, replace

from apps.dunning.facts import Decline
from apps.stripe_gateway.readers.common import Json, dig, text

MESSAGE_LENGTH = 500


def decline_of_error(error: Json) -> Decline:
    """Read the `error` of a 402 answer, or an intent's `last_payment_error`.

    Source: https://docs.stripe.com/api/errors
    """
    return Decline(
        code=text(error, "code") or "card_declined",
        decline_code=text(error, "decline_code"),
        message=text(error, "message")[:MESSAGE_LENGTH],
        advice_code=text(error, "advice_code"),
        network_advice_code=text(error, "network_advice_code"),
        network_decline_code=text(error, "network_decline_code"),
    )


def decline_of_charge(charge: Json) -> Decline:
    """Read a failed charge: `failure_code` is the outer code, the reason stands in its outcome.

    Source: https://docs.stripe.com/api/charges/object#charge_object-outcome
    """
    outcome = dig(charge, "outcome")
    return Decline(
        code=text(charge, "failure_code") or "card_declined",
        decline_code=text(outcome, "reason"),
        message=text(charge, "failure_message")[:MESSAGE_LENGTH],
        outcome_type=text(outcome, "type"),
        network_status=text(outcome, "network_status"),
        advice_code=text(outcome, "advice_code"),
        network_advice_code=text(outcome, "network_advice_code"),
        network_decline_code=text(outcome, "network_decline_code"),
    )


def filled(decline: Decline, other: Decline) -> Decline:
    """Fill what one source left empty with what another says about the same charge."""
    missing = {
        field.name: getattr(other, field.name)
        for field in fields(decline)
        if not getattr(decline, field.name)
    }
    return replace(decline, **missing)
