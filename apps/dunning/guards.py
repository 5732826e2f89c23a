"""The guard rails: every planned and every manual charge passes them, no strategy turns one off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.dunning import codes
from apps.dunning.bans import ban_on, changed_after, same_card, same_method
from apps.dunning.decision import Blocked, Reason
from apps.dunning.facts import CaseFacts, Decline, Method, PaymentTry
from apps.dunning.limits import DEBIT_SCHEMES, free_from, limits_for
from apps.dunning.rules import RetryRules
from apps.dunning.timing import spoken, zone_of

BLOCKED_BY_STRIPE_WAIT = timedelta(hours=72)
"""Stripe held the charge back; it advises to wait two to three days or use another card.

Source: https://support.stripe.com/questions/payment-blocked-due-to-excessive-retries
"""

NEAR_STRIPES_TRY = timedelta(hours=1)
"""While Stripe retries, no charge of ours stands closer to its next one."""

CLOSED_SUBSCRIPTIONS = frozenset({"canceled", "incomplete", "incomplete_expired"})


@dataclass(frozen=True, slots=True)
class Floor:
    """A rule that allows a charge only from a moment on."""

    at: datetime
    reason: Reason


def check_before_charge(
    *, facts: CaseFacts, rules: RetryRules, now: datetime, manual: bool = False
) -> Blocked | None:
    """Say why a charge must not be made at `now`; None when it may go.

    Every path that charges asks right before the call, with facts just read: due attempts, a card
    that changed, and a person's Retry now, which is `manual`.
    """
    blocked = block_on(facts, now=now) or _stripe_is_about_to(facts, rules, now, manual)
    if blocked:
        return blocked
    floor = max(floors(facts, rules, now=now), key=lambda one: one.at, default=None)
    if floor and floor.at > now:
        return Blocked(floor.reason.code, floor.reason.text, "later", until=floor.at)
    return None


def block_on(facts: CaseFacts, *, now: datetime) -> Blocked | None:
    """Return the first rule that forbids any charge in the present state of things."""
    for guard in (_closed, _busy, _nothing_to_charge, _only_in_person, _hard, _debit):
        if blocked := guard(facts, now):
            return blocked
    return None


def floors(facts: CaseFacts, rules: RetryRules, *, now: datetime) -> Iterator[Floor]:
    """Yield every rule that makes the next charge of the current method wait."""
    method = facts.method
    if method is None:
        return
    zone = zone_of(facts.zone)
    for one in facts.tries:
        if not one.succeeded and same_card(one, method):
            yield from _after_decline(one, method)
    last = facts.last_try
    if last and same_method(last, method) and not changed_after(last.at, facts, now=now):
        apart = hours_in_words(int(rules.minimum_gap / timedelta(hours=1)))
        text = f"Tries on one card stand at least {apart} apart."
        yield Floor(last.at + rules.minimum_gap, Reason("minimum_gap", text))
    if codes.kind_of(method.type) == "direct_debit":
        return
    for limit in limits_for(method.brand, now=now):
        free = free_from(limit, facts.card_tries)
        if free:
            days = limit.window.days
            span = f"{days} days" if days > 1 else "24 hours"
            text = (
                f"Card budget used up: at most {limit.tries} tries in {span}; "
                f"free again {spoken(free, zone)}."
            )
            yield Floor(free, Reason("card_budget", text))


def _after_decline(one: PaymentTry, method: Method) -> Iterator[Floor]:
    decline = one.decline or Decline("")
    for row in codes.network_rows(decline, method.brand.lower()):
        if row.min_wait_hours:
            text = f"The card network asks to wait {hours_in_words(row.min_wait_hours)}."
            yield Floor(one.at + timedelta(hours=row.min_wait_hours), Reason("network_wait", text))
    held_back = codes.lookup(decline, one.method_type).category == "adaptive_acceptance_block"
    if held_back or decline.outcome_type == "blocked":
        text = "Stripe held the last charge back and advises to wait three days."
        yield Floor(one.at + BLOCKED_BY_STRIPE_WAIT, Reason("held_back_by_stripe", text))


def hours_in_words(hours: int) -> str:
    """Return "1 hour", "30 hours" or "3 days"."""
    count, unit = (hours // 24, "day") if hours % 24 == 0 else (hours, "hour")
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _closed(facts: CaseFacts, now: datetime) -> Blocked | None:
    if facts.invoice_status != "open":
        return Blocked("invoice_not_open", f"The invoice is {facts.invoice_status}.", "stop")
    if facts.amount_remaining.minor <= 0:
        return Blocked("nothing_remaining", "Nothing is left to pay.", "stop")
    if facts.subscription_status in CLOSED_SUBSCRIPTIONS:
        status = facts.subscription_status.replace("_", " ")
        return Blocked("subscription_ended", f"The subscription is {status}.", "stop")
    return None


def _busy(facts: CaseFacts, now: datetime) -> Blocked | None:
    if not facts.account_attached:
        return Blocked("account_detached", "The Stripe account is not connected.", "later")
    if facts.processing:
        return Blocked("processing", "A payment is under way; the bank's answer decides.", "later")
    return None


def _nothing_to_charge(facts: CaseFacts, now: datetime) -> Blocked | None:
    if not facts.collected_automatically:
        text = "The invoice was sent to the customer, who pays it themselves."
        return Blocked("sent_invoice", text, "customer", needs="no_method")
    if facts.method is None:
        return Blocked("no_method", "No card on file.", "customer", needs="no_method")
    return None


def _only_in_person(facts: CaseFacts, now: datetime) -> Blocked | None:
    method = facts.method
    if method and method.type == "card" and method.country.upper() == "IN":
        text = "Cards issued in India are not retried; the customer must confirm each payment."
        return Blocked("india_card", text, "customer", needs="authentication")
    return None


def _hard(facts: CaseFacts, now: datetime) -> Blocked | None:
    ban = ban_on(facts, now=now)
    return Blocked(ban.code, ban.text, "customer", needs=ban.needs) if ban else None


def _debit(facts: CaseFacts, now: datetime) -> Blocked | None:
    scheme = DEBIT_SCHEMES.get(facts.method.type) if facts.method else None
    if facts.method is None or scheme is None:
        return None
    failed = _failed_debits(facts.tries, facts.method)
    if not failed or changed_after(failed[-1].at, facts, now=now):
        return None
    row = codes.lookup(failed[-1].decline or Decline(""), failed[-1].method_type)
    if row.group != "funds":
        text = "A bank debit is only tried again when there was too little money."
        return Blocked("debit_reason", text, "customer", needs="new_card")
    if len(failed) > scheme.retries:
        text = f"{scheme.name} allows {_times(scheme.retries)} and no more."
        return Blocked("debit_limit", text, "customer", needs="new_card")
    if now > failed[0].at + timedelta(days=scheme.period_days):
        text = f"{scheme.name} allows tries within {scheme.period_days} days only."
        return Blocked("debit_period", text, "customer", needs="new_card")
    return None


def _failed_debits(tries: Sequence[PaymentTry], method: Method) -> list[PaymentTry]:
    failed = (one for one in tries if not one.succeeded and same_card(one, method))
    return sorted(failed, key=lambda one: one.at)


def _times(retries: int) -> str:
    return "one retry" if retries == 1 else f"{retries} retries"


def _stripe_is_about_to(
    facts: CaseFacts, rules: RetryRules, now: datetime, manual: bool
) -> Blocked | None:
    due = facts.provider_next_try_at
    if due is None:
        return _no_gap(facts) if rules.engine == "gaps" and not manual else None
    if rules.engine == "recoup":
        text = "Stripe still plans a try of its own; two engines never charge one invoice."
        return Blocked("stripe_will_retry", text, "later")
    near = rules.gap if rules.engine == "gaps" else NEAR_STRIPES_TRY
    if abs(due - now) < near:
        text = f"Stripe tries by itself {spoken(due, zone_of(facts.zone))}."
        return Blocked("stripe_will_retry", text, "later", until=due + near)
    return None


def _no_gap(facts: CaseFacts) -> Blocked:
    """Between Stripe's tries means: a next one of Stripe's is known."""
    if facts.provider_has_retries:
        return Blocked("stripe_will_retry", "Stripe has not set its next try yet.", "later")
    return Blocked("stripe_finished", "Stripe's schedule has ended, and ours with it.", "later")
