"""Exact amounts and how many decimals a currency has at Stripe."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

ZERO_DECIMAL = frozenset(
    [
        "bif",
        "clp",
        "djf",
        "gnf",
        "jpy",
        "kmf",
        "krw",
        "mga",
        "pyg",
        "rwf",
        "vnd",
        "vuv",
        "xaf",
        "xof",
        "xpf",
    ]
)
"""Stripe takes whole units. Source: https://docs.stripe.com/currencies#zero-decimal"""

THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
"""Stripe takes thousandths, the last digit 0. Source: https://docs.stripe.com/currencies#three-decimal"""

WHOLE_UNITS_SENT_TIMES_100 = frozenset(["isk", "ugx"])
"""No decimals in use, yet Stripe takes two-decimal amounts that end in 00.

Source: https://docs.stripe.com/currencies#special-cases
"""


class CurrencyMismatch(ValueError):
    """Amounts of different currencies were put together."""


def exponent(currency: str) -> int:
    """Return how many decimals Stripe's smallest unit of a currency stands for (0, 2 or 3).

    ISK and UGX answer 2, since their minor amounts are sent times 100; `shown_decimals` tells
    how many are written. An unknown currency has 2.
    """
    code = currency.lower()
    if code in ZERO_DECIMAL:
        return 0
    return 3 if code in THREE_DECIMAL else 2


def shown_decimals(currency: str) -> int:
    """Return how many decimals people write: as `exponent`, but none for ISK and UGX."""
    return 0 if currency.lower() in WHOLE_UNITS_SENT_TIMES_100 else exponent(currency)


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency.

    `minor` counts the currency's smallest unit, as Stripe's API does: 1999 is $19.99 in "usd"
    and 1,999 yen in "jpy". `currency` is lower-case ISO 4217.

    Source: https://docs.stripe.com/currencies#zero-decimal
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if len(self.currency) != 3 or self.currency != self.currency.lower():
            raise ValueError(f"currency must be lower-case ISO 4217, not {self.currency!r}")

    def __add__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.minor + other.minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same_currency(other)
        return Money(self.minor - other.minor, self.currency)

    def _same_currency(self, other: Money) -> None:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not add up")


def to_decimal(money: Money) -> Decimal:
    """Return the amount in whole units, exact: 1999 usd is Decimal("19.99")."""
    return Decimal(money.minor).scaleb(-exponent(money.currency))
