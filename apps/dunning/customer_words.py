"""Why a payment failed, in words for the customer who pays.

They tell what to do, never what the bank suspects: a customer never reads "lost", "stolen", "risk"
or "fraud". Source: https://docs.stripe.com/declines/codes ("present as a generic decline").
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from apps.dunning.codes import kind_of, lookup
from apps.dunning.facts import Decline

Why = Literal["funds", "expired", "data", "bank", "confirm", "hiccup", "debit", "nothing"]
"""funds: not enough money · expired: the card has · data: a number or code is wrong · bank: the bank
said no · confirm: the bank asks · hiccup: something technical · debit: the account or its mandate
no longer works · nothing: no method on file."""

_BY_CATEGORY: Mapping[str, Why] = MappingProxyType(
    {
        "funds": "funds",
        "expired": "expired",
        "card_data": "data",
        "authentication": "confirm",
        "technical": "hiccup",
        "api_transient": "hiccup",
        "mandate": "debit",
    }
)
_BY_CODE: Mapping[str, Why] = MappingProxyType(
    {"partner_insufficient_funds": "funds", "missing": "nothing", "resource_missing": "nothing"}
)

_CARD: Mapping[Why, str] = MappingProxyType(
    {
        "funds": "Your bank told us that there were not enough funds for this payment.",
        "expired": "The card we have on file has expired.",
        "data": "The details of the card we have on file are not right any more.",
        "bank": "Your bank declined the payment. Please use another card or call your bank.",
        "confirm": "Your bank asks you to confirm this payment.",
        "hiccup": "Something technical went wrong between the banks.",
        "debit": "The payment method we have on file no longer works.",
        "nothing": "We have no payment method on file for you.",
    }
)
_DEBIT: Mapping[Why, str] = MappingProxyType(
    {
        **_CARD,
        "funds": "Your bank told us that there were not enough funds in your account.",
        "data": "The details of the bank account we have on file are not right any more.",
        "bank": "Your bank returned the debit. Please use another way to pay or call your bank.",
        "debit": "We can no longer debit the bank account we have on file.",
    }
)


def why_of(decline: Decline | None, *, method_type: str = "card") -> Why:
    """Sort a refusal into what a customer can do about it; an unknown one is the bank's."""
    if decline is None or not decline.reason:
        return "bank"
    row = lookup(decline, method_type)
    if decline.reason in _BY_CODE:
        return _BY_CODE[decline.reason]
    if row.kind == "direct_debit" and row.category == "account":
        return "debit"
    return _BY_CATEGORY.get(row.category, "bank")


def told(why: Why, *, method_type: str = "card") -> str:
    """Say it in one sentence, for a card or for a bank account."""
    words = _DEBIT if kind_of(method_type) == "direct_debit" else _CARD
    return words[why]


_TO_DO: Mapping[Why, str] = MappingProxyType(
    {
        "funds": "Please make sure that there is enough in your account, or pay another way.",
        "expired": "Please enter a new card.",
        "data": "Please enter the card again, or another one.",
        "bank": "It takes a minute with the button below.",
        "confirm": "It takes a minute: your bank checks that it is you.",
        "hiccup": "We keep trying. If you would rather be sure, use another payment method.",
        "debit": "Please enter another payment method.",
        "nothing": "Please enter one, so that we can take this payment.",
    }
)


def what_to_do(why: Why) -> str:
    """Say in one sentence what would help."""
    return _TO_DO[why]
