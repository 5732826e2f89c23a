from decimal import Decimal

import pytest

from apps.dunning.money import CurrencyMismatch, Money, exponent, shown_decimals, to_decimal


@pytest.mark.parametrize(
    ("minor", "currency", "whole"),
    [
        (1999, "usd", "19.99"),
        (1999, "jpy", "1999"),
        (1990, "kwd", "1.990"),
        (500, "isk", "5.00"),
        (500, "ugx", "5.00"),
        (-5, "eur", "-0.05"),
        (100, "zzz", "1.00"),
    ],
)
def test_to_decimal_is_exact(minor, currency, whole):
    assert to_decimal(Money(minor, currency)) == Decimal(whole)


@pytest.mark.parametrize(("currency", "decimals"), [("usd", 2), ("JPY", 0), ("tnd", 3), ("isk", 2)])
def test_exponent(currency, decimals):
    assert exponent(currency) == decimals


@pytest.mark.parametrize(("currency", "decimals"), [("ISK", 0), ("ugx", 0), ("jpy", 0), ("usd", 2)])
def test_shown_decimals(currency, decimals):
    assert shown_decimals(currency) == decimals


def test_sums_stay_in_one_currency():
    assert Money(100, "usd") + Money(50, "usd") - Money(25, "usd") == Money(125, "usd")
    with pytest.raises(CurrencyMismatch):
        Money(100, "usd") + Money(100, "eur")
    with pytest.raises(CurrencyMismatch):
        Money(100, "usd") - Money(100, "eur")


@pytest.mark.parametrize("currency", ["USD", "us", ""])
def test_currency_is_lower_case_iso(currency):
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)
