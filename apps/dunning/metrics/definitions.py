"""Each figure's definition, written once and printed under its number; and what others claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Figure = Literal[
    "at_risk",
    "failed",
    "failure_rate",
    "recovered",
    "recovered_by_payment",
    "recovery_rate",
    "lost",
    "stopped",
    "time_to_recovery",
    "retry_success",
    "involuntary",
]

DEFINITIONS: Mapping[Figure, str] = MappingProxyType(
    {
        "at_risk": "Amount due on open cases.",
        "failed": "Amount due on payments that failed in the period and got a case.",
        "failure_rate": (
            "First tries that failed ÷ first tries, by amount; renewals and instalments only, "
            "first purchases and the first payment after a trial left out."
        ),
        "recovered": "Amount paid on cases that failed in the period.",
        "recovered_by_payment": "Amount paid on cases, by payment date.",
        "recovery_rate": (
            "Recovered ÷ (recovered + lost), by amount; cases that failed in the period and are "
            "closed. Stopped cases stand on neither side."
        ),
        "lost": (
            "Amount of cases that failed in the period and ended without payment: tries used up, "
            "uncollectible, voided, or canceled for non-payment."
        ),
        "stopped": (
            "Cases that ended for another reason: canceled by the customer, bought again, paid "
            "outside, or stopped by a person."
        ),
        "time_to_recovery": "Median days from the first failure to the payment.",
        "retry_success": (
            "Retries that were paid ÷ retries that ran; skipped ones and those Stripe held back "
            "left out."
        ),
        "involuntary": "Subscriptions that ended for non-payment ÷ all that ended.",
    }
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody publishes about a figure; a claim, never a target of ours."""

    figure: Figure
    text: str
    source: str


CLAIMS = (
    Claim("recovery_rate", "30 to 40 % with a default schedule", "a vendor's guide, no data given"),
    Claim("recovery_rate", "85 to 94 % with smart retries", "a vendor's guide, no data given"),
    Claim("recovery_rate", "57 to 83 %", "Churnkey, its own customers"),
    Claim("recovery_rate", "about 20 % more than without", "FlyCode, launch post"),
    Claim("recovery_rate", "47.6 % in the median", "Recurly's study 2023/24, second hand"),
    Claim("failure_rate", "7 to 11 % on average", "a vendor's guide, no data given"),
    Claim("time_to_recovery", "under 7 days is good", "a vendor's guide, no data given"),
)
"""Read on 2026-11-22 on public pages of the vendors named."""
