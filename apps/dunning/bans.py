"""Hard declines: which earlier decline forbids a charge, and what lifts it.

Nothing is charged after a hard decline until the method changed, its data changed after the
decline, or the customer confirmed in person; after lost, stolen, pickup, fraud and revoked codes
only another card number counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.dunning import codes
from apps.dunning.decision import CustomerNeed
from apps.dunning.facts import CaseFacts, Decline, Method, PaymentTry

NETWORK_PAUSE = timedelta(days=30)
"""How long Mastercard's advice 03 forbids another try; new data lifts it earlier.

Source: https://developer.paypal.com/braintree/docs/reference/general/merchant-responses/merchant-advice-codes
"""

_NO_METHOD_CODES = frozenset({"missing", "resource_missing"})


@dataclass(frozen=True, slots=True)
class Ban:
    """One decline that forbids a charge now, and what the customer can do about it."""

    at: datetime
    code: str
    text: str
    needs: CustomerNeed


def ban_on(facts: CaseFacts, *, now: datetime) -> Ban | None:
    """Return the ban that holds for the current method; None if it may be charged.

    Of several the newest counts; one that asks for a new card goes before one that the customer
    could lift by confirming.
    """
    if facts.method is None:
        return None
    tries = (*facts.tries, *([facts.elsewhere] if facts.elsewhere else []))
    bans = [ban for one in tries if (ban := _ban(one, facts.method, facts, now))]
    return max(bans, key=lambda ban: (ban.needs != "authentication", ban.at), default=None)


def same_method(one: PaymentTry, method: Method) -> bool:
    """Whether a try charged this payment method; careful where the try does not say."""
    if one.method_reference:
        return one.method_reference == method.reference
    return same_card(one, method)


def same_card(one: PaymentTry, method: Method) -> bool:
    """Whether a try charged this card number, in whatever payment method it was kept."""
    if one.fingerprint and method.fingerprint:
        return one.fingerprint == method.fingerprint
    return not one.method_reference or one.method_reference == method.reference


def changed_after(moment: datetime, facts: CaseFacts, *, now: datetime) -> bool:
    """Whether the method's data changed or the customer confirmed after a moment, up to `now`."""
    changed_at = facts.method.changed_at if facts.method else None
    return happened(changed_at, moment, now) or happened(facts.confirmed_in_person_at, moment, now)


def happened(when: datetime | None, after: datetime, now: datetime) -> bool:
    """Whether something is dated after a moment, and not in the future."""
    return when is not None and after < when <= now


def _ban(one: PaymentTry, method: Method, facts: CaseFacts, now: datetime) -> Ban | None:
    decline = one.decline
    if one.succeeded or decline is None:
        return None
    row = codes.lookup(decline, one.method_type)
    network = _network_retry(one, decline, method)
    word = codes.words(decline)
    if _needs_another_card(row, network) and same_card(one, method):
        return Ban(
            one.at,
            "another_card_needed",
            f"{word}: this card is not charged again, only another card can be.",
            "new_card",
        )
    if not same_method(one, method) or changed_after(one.at, facts, now=now):
        return None
    if row.hard and row.needs_authentication:
        return Ban(
            one.at,
            "authentication_needed",
            f"{word}: the customer must confirm the payment with their bank.",
            "authentication",
        )
    listed = not codes.NO_RETRY_CODES.isdisjoint((decline.decline_code, decline.code))
    advised = decline.advice_code == "do_not_try_again"
    if listed or advised or row.hard or _paused(one, network, now):
        return Ban(
            one.at,
            "hard_decline",
            f"{word}: nothing is charged until the customer updates this card or gives another.",
            "no_method" if row.code in _NO_METHOD_CODES else "new_card",
        )
    return None


def _needs_another_card(row: codes.CodeRow, network: frozenset[str]) -> bool:
    return row.needs_another_card or not network.isdisjoint({"never", "never_after_first"})


def _paused(one: PaymentTry, network: frozenset[str], now: datetime) -> bool:
    if any(retry.startswith("after_update") for retry in network):
        return True
    return "never_30_days" in network and now < one.at + NETWORK_PAUSE


def _network_retry(one: PaymentTry, decline: Decline, method: Method) -> frozenset[str]:
    rows = codes.network_rows(decline, method.brand.lower(), at=one.at)
    return frozenset(row.retry for row in rows)
