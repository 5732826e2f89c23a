"""Ready-made retry rules, each with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from types import MappingProxyType

from apps.dunning.rules import (
    FinalAction,
    RetryRules,
    RulesError,
    Step,
    steps_from_days,
    steps_from_hours,
)

TEN = time(10)


@dataclass(frozen=True, slots=True)
class Preset:
    """Rules with a name for people and the source of their figures."""

    title: str
    rules: RetryRules
    source: str


def spread(*, tries: int, days: int, at: time | None = TEN) -> tuple[Step, ...]:
    """Spread tries evenly: 4 over 21 days are the days 5, 10, 16 and 21.

    Raises:
        RulesError: fewer days than tries, or no try at all.
    """
    if not 1 <= tries <= days:
        raise RulesError("There must be at least one try, and a day for each.")
    return steps_from_days(
        [(2 * days * n + tries) // (2 * tries) for n in range(1, tries + 1)], at=at
    )


def _custom(
    name: str, steps: tuple[Step, ...], final_action: FinalAction = "leave_past_due"
) -> RetryRules:
    return RetryRules("recoup", "custom", steps, final_action=final_action, name=name)


RECOMMENDED = RetryRules(
    engine="recoup",
    strategy="decline_aware",
    table=MappingProxyType(
        {
            "funds": steps_from_days([2, 4, 7, 9, 12, 14, 17, 21], at=TEN, payday_within_days=2),
            "issuer": steps_from_days([1, 3, 5, 8, 11, 14, 17, 21], at=TEN),
            "technical": (
                Step(1),
                Step(5),
                Step(18, at=TEN),
                *steps_from_days([2, 5, 9, 14, 20], at=TEN),
            ),
            "limits": steps_from_days([1, 3, 7, 10, 14, 17, 19, 21], at=TEN),
        }
    ),
    name="recommended",
)
SEED_TABLE = RetryRules(
    engine="recoup",
    strategy="decline_aware",
    table=MappingProxyType(
        {
            "funds": steps_from_days([3, 7, 14, 30], at=TEN, payday_within_days=2),
            "issuer": steps_from_hours([4, 24, 72, 168]),
            "technical": steps_from_hours([1, 4, 24, 72]),
            "limits": steps_from_days([7]),
            "do_not_honor": steps_from_hours([24]),
        }
    ),
    name="decline_table",
)
DAYS_3_5_7 = _custom("days_3_5_7", steps_from_days([3, 5, 7], at=TEN))
DAYS_1_3_5_7 = _custom("days_1_3_5_7", steps_from_days([1, 3, 5, 7], at=TEN))
STRIPE_CUSTOM = _custom("stripe_custom", (Step(3 * 24), Step(5 * 24), Step(7 * 24)))
KAJABI = _custom("kajabi", spread(tries=4, days=21), "cancel")
FILL_30_DAYS = _custom("fill_30_days", spread(tries=8, days=30))
PADDLE = _custom("paddle", spread(tries=7, days=30), "cancel")
RECURLY = _custom("recurly", spread(tries=6, days=28), "cancel")
BRAINTREE = _custom("braintree", steps_from_days([5, 15], at=TEN))
CHARGEBEE = _custom("chargebee", spread(tries=8, days=24), "cancel")
STRIPE_SMART = RetryRules("stripe", "smart", name="stripe_smart")

PRESETS: Mapping[str, Preset] = MappingProxyType(
    {
        preset.rules.name: preset
        for preset in (
            Preset(
                "Recommended",
                RECOMMENDED,
                "Our own: up to 8 tries over three weeks, by reason, in the morning, near paydays.",
            ),
            Preset(
                "By decline reason, classic",
                SEED_TABLE,
                "A widely copied table: funds 3/7/14/30 days, bank 4 h/24 h/3 d/7 d, technical"
                " 1 h/4 h/24 h/3 d, do not honor once after 24 h, limits after 7 days.",
            ),
            Preset(
                "Days 3, 5 and 7", DAYS_3_5_7, "Often called Stripe's default; it no longer is."
            ),
            Preset(
                "Days 1, 3, 5 and 7", DAYS_1_3_5_7, "The waits Stripe's older settings offered."
            ),
            Preset(
                "As a Stripe custom schedule",
                STRIPE_CUSTOM,
                "Up to three retries, each some days after the one before:"
                " https://docs.stripe.com/billing/revenue-recovery/smart-retries",
            ),
            Preset(
                "As Kajabi: 4 tries in 3 weeks",
                KAJABI,
                "Kajabi's help: up to 4 tries over about three weeks, then canceled.",
            ),
            Preset(
                "As Paddle: 7 tries in 30 days",
                PADDLE,
                "Up to 7 tries in 30 days, here spread evenly:"
                " https://developer.paddle.com/changelog/2025/default-dunning-payment-recovery",
            ),
            Preset(
                "As Recurly: until the 7th decline",
                RECURLY,
                "Stops at 7 declines, the first included, 20 tries or 60 days; a window of 27 days or"
                " more is advised: https://docs.recurly.com/recurly-subscriptions/docs/static-retries",
            ),
            Preset(
                "As Braintree: two waits",
                BRAINTREE,
                "Two waits of 1 to 10 days, here 5 and 10: https://developer.paypal.com/braintree/"
                "articles/guides/recurring-billing/recurring-advanced-settings",
            ),
            Preset(
                "As Chargebee",
                CHARGEBEE,
                "Not verified: said to make up to 12 tries. Capped at 8, the days are ours.",
            ),
            Preset(
                "Fill 30 days",
                FILL_30_DAYS,
                "As long as Stripe's hosted payment page lives after a failure.",
            ),
            Preset(
                "Stripe Smart Retries",
                STRIPE_SMART,
                "Stripe retries: https://docs.stripe.com/billing/revenue-recovery/smart-retries",
            ),
        )
    }
)
