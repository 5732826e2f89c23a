"""The card of a case: how much of its budget is spent, and when its bank last changed it."""

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from apps.customers.models import PaymentMethod
from apps.dunning.codes import kind_of
from apps.dunning.facts import CaseFacts
from apps.dunning.limits import DEBIT_SCHEMES, limits_for
from apps.recovery.queries.detail import CaseDetail


@dataclass(frozen=True, slots=True)
class Budget:
    """Tries made on one card of those its network allows in a span, over all invoices."""

    used: int
    tries: int
    span: str

    @property
    def words(self) -> str:
        values = {"used": self.used, "tries": self.tries, "span": self.span}
        return gettext("%(used)d of %(tries)d in %(span)s") % values

    @property
    def is_spent(self) -> bool:
        return self.used >= self.tries


def budgets_of(facts: CaseFacts | None, *, now: dt.datetime) -> list[Budget]:
    """Return the budgets of the card that would be charged next, the longest span first.

    Of several limits for one span the strictest counts, so only that is shown.
    Empty for bank debits, which have limits of their own, and for a card without a fingerprint:
    its tries on other invoices cannot be told.
    """
    method = facts.method if facts else None
    if facts is None or method is None or not method.fingerprint:
        return []
    if kind_of(method.type) == "direct_debit":
        return []
    by_window = sorted(limits_for(method.brand, now=now), key=lambda one: (-one.window, -one.tries))
    limits = {limit.window: limit for limit in by_window}.values()
    return [
        Budget(
            used=sum(at > now - limit.window for at in facts.card_tries),
            tries=limit.tries,
            span=_span(limit.window),
        )
        for limit in limits
    ]


def updated_by_bank_at(detail: CaseDetail) -> dt.datetime | None:
    """Return when the bank last renewed the card that would be charged; None if it never did."""
    method = detail.facts.method if detail.facts else None
    if method is None or method.changed_at is None:
        return None
    row = detail.near.method(method.reference)
    return row.updated_by_network_at if row else None


@dataclass(frozen=True, slots=True)
class MandateShown:
    """What is known of the mandate of a bank account, and where Stripe explains it."""

    words: str
    is_bad: bool
    url: str


def mandate_of(facts: CaseFacts | None) -> MandateShown | None:
    """Return the mandate of the bank account that would be charged next; None for a card."""
    method = facts.method if facts else None
    scheme = DEBIT_SCHEMES.get(method.type) if method else None
    if method is None or scheme is None:
        return None
    states = dict(PaymentMethod.Mandate.choices)
    words = states.get(method.mandate) or gettext("Stripe did not say")
    return MandateShown(str(words), method.mandate == "inactive", scheme.mandate_url)


def _span(window: dt.timedelta) -> str:
    if window.days > 1:
        return ngettext("%(n)d day", "%(n)d days", window.days) % {"n": window.days}
    hours = int(window.total_seconds() // 3600)
    return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
