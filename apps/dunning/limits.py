"""What card networks and debit schemes allow, as data: each row with its source and its date."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType

from apps.dunning.money import Money
from apps.dunning.rules import Step, steps_from_days


@dataclass(frozen=True, slots=True)
class CardLimit:
    """At most `tries` charges of one card within `window`, from `valid_from` on.

    `network` "" is every network. All limits that apply hold, so a further row only makes it
    stricter.
    """

    network: str
    tries: int
    window: timedelta
    valid_from: date
    source: str


CARD_LIMITS = (
    CardLimit(
        network="",
        tries=15,
        window=timedelta(days=30),
        valid_from=date(2000, 1, 1),
        source=(
            "https://support.stripe.com/questions/payment-blocked-due-to-excessive-retries: Visa 15 in 30"
            " days (20 since 2025 elsewhere), Mastercard 35; 15 is safe for all. Read on 2026-11-22."
        ),
    ),
    CardLimit(
        network="",
        tries=10,
        window=timedelta(hours=24),
        valid_from=date(2000, 1, 1),
        source=(
            "https://developers.tabapay.com/docs/excessive-retry-rules: Mastercard 10 in 24 hours,"
            " kept for all. Read on 2026-11-22."
        ),
    ),
    CardLimit(
        network="visa",
        tries=20,
        window=timedelta(days=30),
        valid_from=date(2025, 5, 25),
        source=(
            "https://docs.cielo.com.br/ecommerce-cielo-en/changelog/"
            "new-limit-for-visa-retries-starting-may-25-2025. Read on 2026-11-22."
        ),
    ),
    CardLimit(
        network="mastercard",
        tries=10,
        window=timedelta(hours=24),
        valid_from=date(2000, 1, 1),
        source="https://developers.tabapay.com/docs/excessive-retry-rules. Read on 2026-11-22.",
    ),
    CardLimit(
        network="mastercard",
        tries=35,
        window=timedelta(days=30),
        valid_from=date(2000, 1, 1),
        source="https://developers.tabapay.com/docs/excessive-retry-rules. Read on 2026-11-22.",
    ),
)
"""The two for every network hold first; a network's own row counts once it is the stricter one."""


def limits_for(
    brand: str, *, now: datetime, limits: Iterable[CardLimit] = CARD_LIMITS
) -> tuple[CardLimit, ...]:
    """Return the limits that hold for a card of that brand."""
    today = now.date()
    return tuple(
        limit
        for limit in limits
        if limit.network in ("", brand.lower()) and limit.valid_from <= today
    )


def free_from(limit: CardLimit, tries: Sequence[datetime]) -> datetime | None:
    """Return from when on one more charge keeps the limit; None if it does at any time."""
    if len(tries) < limit.tries:
        return None
    return sorted(tries)[-limit.tries] + limit.window


@dataclass(frozen=True, slots=True)
class DebitScheme:
    """How often a bank debit may be collected again, and for how many days.

    `minimum` is the smallest amount Stripe once asked for; its page now states the period instead,
    so it is kept for reference and not enforced. `availability` is that of Stripe's own retries;
    `mandate_url` is what Stripe says about the mandate.

    Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries, read on 2026-11-22.
    """

    name: str
    retries: int
    period_days: int
    minimum: Money
    availability: str
    mandate_url: str
    valid_from: date = date(2026, 11, 22)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The scheme's own schedule: one and three weeks after the failure, near a payday."""
        return DEBIT_STEPS[: self.retries]


DEBIT_STEPS = steps_from_days([7, 21], at=time(10), payday_within_days=2)
"""Collecting from a bank account takes days and is capped: never as often as a card."""

_PREVIEW = "private preview"
_MANDATES = "https://docs.stripe.com/payments"

_ACH = DebitScheme(
    "ACH", 2, 40, Money(0, "usd"), "generally available", f"{_MANDATES}/ach-direct-debit"
)

DEBIT_SCHEMES: Mapping[str, DebitScheme] = MappingProxyType(
    {
        "us_bank_account": _ACH,
        "ach_debit": _ACH,
        "acss_debit": DebitScheme(
            "ACSS", 1, 30, Money(2000, "cad"), _PREVIEW, f"{_MANDATES}/acss-debit"
        ),
        "au_becs_debit": DebitScheme(
            "BECS Australia", 2, 30, Money(1500, "aud"), _PREVIEW, f"{_MANDATES}/au-becs-debit"
        ),
        "bacs_debit": DebitScheme(
            "Bacs", 2, 30, Money(0, "gbp"), _PREVIEW, f"{_MANDATES}/payment-methods/bacs-debit"
        ),
        "nz_bank_account": DebitScheme(
            "BECS New Zealand", 1, 30, Money(2000, "nzd"), _PREVIEW, f"{_MANDATES}/nz-bank-account"
        ),
        "sepa_debit": DebitScheme(
            "SEPA", 2, 30, Money(2000, "eur"), _PREVIEW, f"{_MANDATES}/sepa-debit"
        ),
    }
)
"""By Stripe's payment-method type."""
