"""What each decline code means: the tables in `data/`, read once.

`data/decline_codes.csv`: 164 codes with kind, category, `hard` and advice, gathered from
https://docs.stripe.com/declines/codes, /error-codes, /billing/revenue-recovery/smart-retries and
public scheme documents (column `source`). `data/network_advice_codes.csv`: Mastercard's advice codes
and Visa's response categories, gathered from acquirers' public pages (column `source`).
Both read on 2026-11-22.

Codes are an open set: an unknown one is treated as a soft decline, with few tries.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

from apps.dunning.facts import Decline
from apps.dunning.words import words

__all__ = [
    "ANOTHER_CARD_CATEGORIES",
    "DIRECT_DEBITS",
    "HARD_LIST",
    "NO_RETRY_CODES",
    "CodeRow",
    "NetworkRow",
    "all_rows",
    "kind_of",
    "lookup",
    "network_rows",
    "words",
]

Kind = Literal["card", "error", "direct_debit"]
Group = Literal["funds", "issuer", "technical", "limits", "unknown", "none"]
"""Which schedule a code follows; "none" has none: nothing is charged until somebody acts."""

NO_RETRY_PAGE = "https://docs.stripe.com/billing/revenue-recovery/smart-retries"
_EIGHT = date(2024, 1, 1)  # listed by every copy that could be read
_NINTH = date(2026, 11, 22)  # by the newest copy only; the day it was read

HARD_LIST: Mapping[str, tuple[date, str]] = MappingProxyType(
    {
        "incorrect_number": (_EIGHT, NO_RETRY_PAGE),
        "lost_card": (_EIGHT, NO_RETRY_PAGE),
        "pickup_card": (_EIGHT, NO_RETRY_PAGE),
        "stolen_card": (_EIGHT, NO_RETRY_PAGE),
        "revocation_of_authorization": (_EIGHT, NO_RETRY_PAGE),
        "revocation_of_all_authorizations": (_EIGHT, NO_RETRY_PAGE),
        "authentication_required": (_EIGHT, NO_RETRY_PAGE),
        "highest_risk_level": (_EIGHT, NO_RETRY_PAGE),
        "transaction_not_allowed": (_NINTH, NO_RETRY_PAGE),
    }
)
"""The nine codes after which Stripe schedules retries but charges nothing without a new method.

Each with the day since when it is known to be listed, and where. All nine hold at any time: a
rule that forbids a charge is never waited for.
"""
NO_RETRY_CODES = frozenset(HARD_LIST)

ANOTHER_CARD_CATEGORIES = frozenset({"lost_stolen", "fraud_blocked", "revoked"})
"""Only another card number counts as a change; new data on the same card does not."""

DIRECT_DEBITS = frozenset(
    {
        "us_bank_account",
        "ach_debit",
        "acss_debit",
        "au_becs_debit",
        "bacs_debit",
        "nz_bank_account",
        "sepa_debit",
    }
)
"""Stripe's payment-method types that collect from a bank account under a mandate."""

_GROUPS: Mapping[str, Group] = MappingProxyType(
    {
        "funds": "funds",
        "limits": "limits",
        "velocity": "limits",
        "technical": "technical",
        "api_transient": "technical",
        "unknown": "unknown",
    }
)
_LOCAL_GROUPS: Mapping[str, Group] = MappingProxyType(
    {
        "partner_insufficient_funds": "funds",
        "payment_limit_exceeded": "limits",
        "partner_processing_error": "technical",
    }
)


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code's meaning. `hard`: do not charge the same method until something changed.

    `advice` is retry_soon, retry_later, retry_once, check_first, see_decline_code, reconcile,
    after_customer_action, after_authentication or do_not_retry. `known` is False for a code that
    is in no table.
    """

    code: str
    kind: Kind
    category: str
    hard: bool
    advice: str
    customer_action: str
    known: bool = True
    description: str = ""
    source: str = ""

    @property
    def group(self) -> Group:
        """Which schedule this code follows; soft codes without one of their own: the issuer's."""
        if self.hard:
            return "none"
        return _GROUPS.get(self.category) or _LOCAL_GROUPS.get(self.code) or "issuer"

    @property
    def needs_another_card(self) -> bool:
        """Whether only another card number ends the ban."""
        return self.category in ANOTHER_CARD_CATEGORIES

    @property
    def needs_authentication(self) -> bool:
        """Whether the customer can lift the ban by confirming with their bank."""
        return self.category == "authentication" or self.advice == "after_authentication"


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """What a card network says about trying again; `min_wait_hours` 0 means no stated wait.

    It holds for declines from `valid_from` on.

    `retry` is yes, never, never_after_first, never_30_days, after_update, max_20_in_30_days or
    after_update_max_20_in_30_days.
    """

    code: str
    network: str
    meaning: str
    retry: str
    min_wait_hours: int
    valid_from: date = date.min


def kind_of(method_type: str) -> Kind:
    """Return which codes a payment-method type answers with."""
    return "direct_debit" if method_type in DIRECT_DEBITS else "card"


def lookup(decline: Decline, method_type: str = "card") -> CodeRow:
    """Return what a decline means for a payment-method type.

    The decline code counts; the outer code where there is none, or where only the outer one is
    known and says something of its own. A code in neither table answers a soft row with
    `known=False` and the advice retry_once.
    """
    kind = kind_of(method_type)
    exact = _find(decline.decline_code, kind)
    if exact:
        return exact
    outer = _find(decline.code, kind)
    if outer and (not decline.decline_code or outer.advice != "see_decline_code"):
        return outer
    return CodeRow(
        code=decline.reason or "unknown",
        kind=kind,
        category="unknown",
        hard=False,
        advice="retry_once",
        customer_action="Offer another payment method",
        known=False,
    )


def network_rows(
    decline: Decline, brand: str = "", *, at: datetime | None = None
) -> tuple[NetworkRow, ...]:
    """Return what the card network says: Mastercard by advice code, Visa by response code.

    The two use the same numbers for different things, so the column decides; a known `brand`
    rules the other network out. `at` is when the decline came: a row not yet in force then is
    left out.
    """
    found = (
        _network_table().get((network, code))
        for network, code in (
            ("mastercard", decline.network_advice_code),
            ("visa", decline.network_decline_code),
        )
        if brand in ("", "unknown", network)
    )
    return tuple(row for row in found if row and (at is None or row.valid_from <= at.date()))


def all_rows() -> tuple[CodeRow, ...]:
    """Return every row of the decline table."""
    return tuple(_table().values())


def _find(code: str, kind: Kind) -> CodeRow | None:
    table = _table()
    return table.get((kind, code)) or table.get(("error", code))


@cache
def _table() -> Mapping[tuple[str, str], CodeRow]:
    rows = (
        CodeRow(
            code=row["code"],
            kind=_kind(row["kind"]),
            category=row["category"],
            hard=row["hard"] == "true",
            advice=row["retry_advice"],
            customer_action=row["customer_action"],
            description=row["description"],
            source=row["source"],
        )
        for row in _read("decline_codes.csv")
    )
    return MappingProxyType({(row.kind, row.code): row for row in rows})


@cache
def _network_table() -> Mapping[tuple[str, str], NetworkRow]:
    rows = (
        NetworkRow(
            code=row["code"],
            network=row["network"],
            meaning=row["meaning"],
            retry=row["retry"],
            min_wait_hours=int(row["min_wait"].removesuffix("h") or 0),
            valid_from=_valid_from(row["meaning"]),
        )
        for row in _read("network_advice_codes.csv")
    )
    return MappingProxyType({(row.network, row.code): row for row in rows})


def _valid_from(meaning: str) -> date:
    dated = re.search(r"from (\d{4}-\d\d-\d\d)", meaning)
    return date.fromisoformat(dated[1]) if dated else date.min


def _kind(value: str) -> Kind:
    kinds: Mapping[str, Kind] = {"card": "card", "error": "error", "direct_debit": "direct_debit"}
    return kinds[value]


def _read(name: str) -> list[dict[str, str]]:
    text = files("apps.dunning").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
