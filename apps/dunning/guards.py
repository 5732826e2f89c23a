"""The guard rails: every planned and every manual charge passes them, no strategy turns one off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.dunning import codes, debits
from apps.dunning.backup import with_backup
from apps.dunning.bans import ban_on, changed_after, same_card, same_method
from apps.dunning.decision import Blocked, Reason
from apps.dunning.facts import CaseFacts, Decline, Method, PaymentTry
from apps.dunning.limits import free_from, limits_for
from apps.dunning.rules import RetryRules
from apps.dunning.timing import spoken, zone_of

BLOCKED_BY_STRIPE_WAIT = timedelta(hours=72)
"""Stripe held the charge back; it advises to wait two to three days or use another card.

Source: https://support.stripe.com/questions/payment-blocked-due-to-excessive-retries
"""

NEAR_STRIPES_TRY = timedelta(hours=1)
"""While Stripe retries, no charge of ours stands closer to its next one."""

OLDER_INSTALMENT = Blocked(
    "older_instalment", "An older instalment of this payment plan is collected first.", "later"
)

CLOSED_SUBSCRIPTIONS = frozenset({"canceled", "incomplete", "incomplete_expired"})


@dataclass(frozen=True, slots=True)
class Floor:
    """A rule that allows a charge only from a moment on."""

    at: datetime
    reason: Reason


def check_before_charge(
    *,
    facts: CaseFacts,
    rules: RetryRules,
    now: datetime,
    manual: bool = False,
    method: str = "",
) -> Blocked | None:
    """Say why a charge must not be made at `now`; None when it may go.

    Every path that charges asks right before the call, with facts just read: due attempts, a card
    that changed, a backup method, and a person's Retry now, which is `manual`. `method` names the
    backup method that is to be charged; "" is what Stripe takes by itself.
    """
    if method:
        charged = with_backup(facts, method, now=now)
        if charged is None:
            return Blocked("backup_gone", "The backup method cannot be used any more.", "later")
        facts = charged
    blocked = block_on(facts, rules, now=now) or _stripe_is_about_to(facts, rules, now, manual)
    if facts.older_instalment and not manual:
        blocked = blocked or OLDER_INSTALMENT
    if blocked:
        return blocked
    floor = max(floors(facts, rules, now=now), key=lambda one: one.at, default=None)
    if floor and floor.at > now:
        return Blocked(floor.reason.code, floor.reason.text, "later", until=floor.at)
    return None


def block_on(facts: CaseFacts, rules: RetryRules, *, now: datetime) -> Blocked | None:
    """Return the first guard rail that forbids any charge in the present state of things."""
    for guard in GUARDS:
        if blocked := guard(facts, rules, now):
            return blocked
    return None


def floors(facts: CaseFacts, rules: RetryRules, *, now: datetime) -> Iterator[Floor]:
    """Yield every guard rail that makes the next charge of the current method wait."""
    method = facts.method
    if method is None:
        return
    for one in facts.tries:
        if not one.succeeded and same_card(one, method):
            yield from _after_decline(one, method)
    yield from _card_budget(facts, method, now)
    last = facts.last_try
    if last and same_method(last, method) and not changed_after(last.at, facts, now=now):
        apart = hours_in_words(int(rules.minimum_gap / timedelta(hours=1)))
        text = f"Tries on one card stand at least {apart} apart."
        yield Floor(last.at + rules.minimum_gap, Reason("minimum_gap", text))


def _card_budget(facts: CaseFacts, method: Method, now: datetime) -> Iterator[Floor]:
    if codes.kind_of(method.type) == "direct_debit":
        return
    known = set(facts.card_tries)
    # A card without a fingerprint has no history: this invoice's own tries count at least.
    own = (one for one in facts.tries if one.reached_network and same_card(one, method))
    spent = [*facts.card_tries, *(one.at for one in own if one.at not in known)]
    for limit in limits_for(method.brand, now=now):
        free = free_from(limit, spent)
        if free:
            days = limit.window.days
            span = f"{days} days" if days > 1 else "24 hours"
            text = (
                f"Card budget used up: at most {limit.tries} tries in {span}; "
                f"free again {spoken(free, zone_of(facts.zone))}."
            )
            yield Floor(free, Reason("card_budget", text))


def _after_decline(one: PaymentTry, method: Method) -> Iterator[Floor]:
    decline = one.decline or Decline("")
    for row in codes.network_rows(decline, method.brand.lower(), at=one.at):
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


def _closed(facts: CaseFacts, rules: RetryRules, now: datetime) -> Blocked | None:
    if facts.invoice_status != "open":
        return Blocked("invoice_not_open", f"The invoice is {facts.invoice_status}.", "stop")
    if facts.amount_remaining.minor <= 0:
        return Blocked("nothing_remaining", "Nothing is left to pay.", "stop")
    if facts.subscription_status in CLOSED_SUBSCRIPTIONS:
        status = facts.subscription_status.replace("_", " ")
        return Blocked("subscription_ended", f"The subscription is {status}.", "stop")
    return None


def _busy(facts: CaseFacts, rules: RetryRules, now: datetime) -> Blocked | None:
    if not facts.account_attached:
        return Blocked("account_detached", "The Stripe account is not connected.", "later")
    if facts.processing:
        return Blocked("processing", "A payment is under way; the bank's answer decides.", "later")
    return None


def _hard(facts: CaseFacts, rules: RetryRules, now: datetime) -> Blocked | None:
    ban = ban_on(facts, now=now)
    return Blocked(ban.code, ban.text, "customer", needs=ban.needs) if ban else None


def _nothing_to_charge(facts: CaseFacts, rules: RetryRules, now: datetime) -> Blocked | None:
    if not facts.collected_automatically:
        text = "The invoice was sent to the customer, who pays it themselves."
        return Blocked("sent_invoice", text, "customer", needs="no_method")
    if facts.method is None:
        return Blocked("no_method", "No card on file.", "customer", needs="no_method")
    return None


def _only_in_person(facts: CaseFacts, rules: RetryRules, now: datetime) -> Blocked | None:
    method = facts.method
    if method and method.type == "card" and method.country.upper() == "IN":
        text = "Cards issued in India are not retried; the customer must confirm each payment."
        return Blocked("india_card", text, "customer", needs="authentication")
    return None


GUARDS: tuple[Callable[[CaseFacts, RetryRules, datetime], Blocked | None], ...] = (
    _closed,
    _busy,
    _hard,  # hard list, then advice, then what the network says, then the category
    _nothing_to_charge,
    _only_in_person,
    debits.mandate,
    debits.scheme,
)
"""Asked in this order by every path; after them the waits of `floors`, then the schedule.

The order decides which reason is named when several forbid the charge. No rule of a merchant
takes one out.
"""


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
