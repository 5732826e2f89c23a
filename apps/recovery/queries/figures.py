"""The sums above the list of cases, each currency apart."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, Sum

from apps.accounts.models import Merchant
from apps.dunning.money import Money
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.tabs import OPEN, RETRYING


@dataclass(frozen=True, slots=True)
class Total:
    """How many cases, and their amounts, each currency apart, the one with most cases first."""

    count: int
    amounts: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What stands above the cases; see `figures`."""

    at_risk: Total
    due: Total
    recovered: Total
    imported: Total


def figures(
    *,
    merchant: Merchant,
    due_since: dt.datetime,
    due_until: dt.datetime,
    recovered_since: dt.datetime,
) -> Figures:
    """Add up a merchant's cases; one query, never across currencies.

    At risk: due on open cases. Due: open cases whose next charge runs in the half-open span.
    Recovered: what was paid on cases that ended recovered since then, by payment date.
    Imported: due on open cases the merchant did not take over.
    """
    parts = {
        "at_risk": ("amount_due_minor", OPEN),
        "due": (
            "amount_due_minor",
            RETRYING & Q(next_try_at__gte=due_since, next_try_at__lt=due_until),
        ),
        "recovered": (
            "recovered_minor",
            Q(status=RecoveryCase.Status.RECOVERED, closed_at__gte=recovered_since),
        ),
        "imported": ("amount_due_minor", OPEN & Q(source=RecoveryCase.Source.IMPORT)),
    }
    sums = {
        f"{name}_{what}": made
        for name, (column, which) in parts.items()
        for what, made in (
            ("count", Count("pk", filter=which)),
            ("minor", Sum(column, filter=which, default=0)),
        )
    }
    wanted = OPEN | parts["recovered"][1]
    rows = list(
        RecoveryCase.objects.for_merchant(merchant)
        .filter(wanted)
        .order_by()
        .values("currency")
        .annotate(**sums)
    )
    return Figures(**{name: _total(rows, name) for name in parts})


def _total(rows: Iterable[Mapping[str, Any]], name: str) -> Total:
    found = [row for row in rows if row[f"{name}_count"]]
    found.sort(key=lambda row: (-row[f"{name}_count"], row["currency"]))
    return Total(
        count=sum(row[f"{name}_count"] for row in found),
        amounts=tuple(Money(row[f"{name}_minor"], row["currency"]) for row in found),
    )
