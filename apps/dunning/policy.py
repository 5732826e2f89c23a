"""The decision: what happens next to a failed invoice, and the whole plan ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from apps.dunning import codes, debits
from apps.dunning.backup import backup_due, with_backup
from apps.dunning.bans import happened, same_method
from apps.dunning.decision import (
    Blocked,
    CustomerNeed,
    Decision,
    GiveUp,
    LeaveToStripe,
    PlannedTry,
    Reason,
    RetryAt,
    WaitForCustomer,
    WaitForTurn,
)
from apps.dunning.facts import CaseFacts, Decline, PaymentTry, newest
from apps.dunning.guards import (
    OLDER_INSTALMENT,
    Floor,
    block_on,
    check_before_charge,
    floors,
    hours_in_words,
)
from apps.dunning.rules import MAX_TRIES, RetryRules, Step, length
from apps.dunning.schedule import Due, due_for, ladder_for, latest, tries_left
from apps.dunning.timing import spoken, zone_of

__all__ = ["check_before_charge", "next_step", "plan"]

TRIES_A_DAY_AT_ONCE = 5
"""A changed card is tried at once only while the invoice had fewer tries in the last 24 hours."""

_LEADS: Mapping[str, str] = MappingProxyType(
    {
        "funds": "Low funds",
        "limits": "Card limit reached",
        "technical": "Technical problem",
        "issuer": "Declined by the bank",
    }
)


def next_step(*, facts: CaseFacts, rules: RetryRules, now: datetime) -> Decision:
    """Decide what happens next to a failed invoice.

    The answer depends on nothing else, and a RetryAt is never before `now`. Ask again after each
    try, when the customer or Stripe changed something, and at `WaitForCustomer.until`: a case
    always ends in a paid invoice or a GiveUp.
    """
    blocked = block_on(facts, rules, now=now)
    if blocked and blocked.then == "stop":
        return GiveUp("none", (_reason(blocked),))
    if blocked and blocked.code == "processing":
        return LeaveToStripe(None, (_reason(blocked),))
    if rules.engine == "stripe":
        return _watch(facts, blocked)
    if facts.older_instalment:
        return _after_the_older(facts, rules, blocked)
    if rules.engine == "gaps":
        return _in_the_gaps(facts, rules, now, blocked)
    if blocked and blocked.then == "later":
        over = now >= facts.first_failed_at + rules.horizon
        why = (_reason(blocked),)
        return GiveUp("none", why) if over else LeaveToStripe(None, why)
    if blocked:
        return _on_backup(facts, rules, now, blocked) or _wait(
            facts, rules, now, needs=blocked.needs or "new_card", why=_reason(blocked)
        )
    return (
        _at_once(facts, rules, now)
        or _on_backup(facts, rules, now, None)
        or _by_schedule(facts, rules, now)
    )


def plan(*, facts: CaseFacts, rules: RetryRules, now: datetime) -> tuple[PlannedTry, ...]:
    """Return every try still to come if each fails for the same reason as the last one did.

    Empty while Stripe retries, or while only the customer can act.
    """
    return tuple(_forecast(facts, rules, now))


def _forecast(facts: CaseFacts, rules: RetryRules, now: datetime) -> Iterator[PlannedTry]:
    last = facts.last_failure
    for _ in range(MAX_TRIES + 1):
        step = next_step(facts=facts, rules=rules, now=now)
        if not isinstance(step, RetryAt) or facts.method is None:
            return
        yield PlannedTry(step.due_at, step.number, step.reasons, step.method)
        now = step.due_at
        facts = as_if_declined(facts, step, last.decline if last else None)


def as_if_declined(facts: CaseFacts, step: RetryAt, decline: Decline | None) -> CaseFacts:
    """Return the facts as they will be when a planned try was made and declined."""
    charged = next(
        (one.method for one in facts.backups if one.method.reference == step.method), facts.method
    )
    failure = PaymentTry(
        at=step.due_at,
        succeeded=False,
        decline=decline,
        method_reference=charged.reference if charged else "",
        fingerprint=charged.fingerprint if charged else "",
        method_type=charged.type if charged else "card",
        moves_schedule=step.number > 0,
        backup=bool(step.method),
    )
    return replace(
        facts,
        tries=(*facts.tries, failure),
        retries_made=facts.retries_made + (1 if step.number else 0),
        card_tries=facts.card_tries if step.method else (*facts.card_tries, step.due_at),
        backup_used=facts.backup_used or bool(step.method),
    )


def _watch(facts: CaseFacts, blocked: Blocked | None) -> LeaveToStripe | GiveUp:
    also = (_reason(blocked),) if blocked else ()
    due = facts.provider_next_try_at
    if due is None and not facts.provider_has_retries:
        text = "Stripe will not try again; what happens now is set in Stripe."
        return GiveUp("leave_past_due", (Reason("stripe_finished", text), *also))
    text = "Stripe retries; the time is not set yet."
    if due:
        text = f"Stripe tries again {spoken(due, zone_of(facts.zone))} in the customer's zone."
    return LeaveToStripe(due, (Reason("stripe_retries", text), *also))


def _after_the_older(
    facts: CaseFacts, rules: RetryRules, blocked: Blocked | None
) -> WaitForTurn | LeaveToStripe | GiveUp:
    """Let an instalment wait for an older one, however long that takes; Stripe goes on by itself."""
    why = _reason(OLDER_INSTALMENT)
    if rules.engine != "gaps":
        return WaitForTurn((why,))
    watch = _watch(facts, blocked)
    return watch if isinstance(watch, GiveUp) else replace(watch, reasons=(*watch.reasons, why))


def _in_the_gaps(
    facts: CaseFacts, rules: RetryRules, now: datetime, blocked: Blocked | None
) -> Decision:
    """Try between Stripe's tries, never near one; how it ends is Stripe's to say."""
    watch = _watch(facts, blocked)
    due = facts.provider_next_try_at
    if isinstance(watch, GiveUp) or blocked or due is None:
        return watch
    ours = _at_once(facts, rules, now) or _by_schedule(facts, rules, now)
    if not isinstance(ours, RetryAt):
        return LeaveToStripe(due, (*watch.reasons, *ours.reasons))
    if ours.due_at > due - rules.gap:
        text = f"No try of Recoup's within {hours_in_words(rules.gap_hours)} of Stripe's."
        return LeaveToStripe(due, (*watch.reasons, Reason("near_stripes_try", text)))
    return replace(ours, reasons=(*ours.reasons, *watch.reasons))


def _at_once(facts: CaseFacts, rules: RetryRules, now: datetime) -> Decision | None:
    """Try right away, outside the schedule, if the customer did something since the last try."""
    why = _what_changed(facts, now)
    if why is None:
        return None
    waits = _waits(facts, rules, now, after=now)
    due_at = max((now, *(floor.at for floor in waits)))
    if due_at > max(now, facts.first_failed_at + rules.horizon):
        return _wait(facts, rules, now, needs="new_card", why=waits[0].reason)
    return RetryAt(due_at, 0, (why, *_reasons(waits)))


def _on_backup(
    facts: CaseFacts, rules: RetryRules, now: datetime, blocked: Blocked | None
) -> RetryAt | None:
    """Charge the backup method once, outside the schedule, if the rules say that it is time."""
    found = backup_due(facts, rules, blocked, now=now)
    if found is None:
        return None
    due_at, backup, why = found
    reference = backup.method.reference
    charged = with_backup(facts, reference, now=due_at)
    if charged is None or block_on(charged, rules, now=due_at):
        return None
    waits = _waits(charged, rules, now, after=due_at)
    due_at = max((due_at, *(floor.at for floor in waits)))
    if due_at > facts.first_failed_at + rules.horizon:
        return None
    return RetryAt(due_at, 0, (why, *_reasons(waits)), reference)


def _what_changed(facts: CaseFacts, now: datetime) -> Reason | None:
    # A backup card was our own choice: the usual one behind it did not change.
    last = newest([one for one in facts.tries if not one.backup])
    method = facts.method
    recent = sum(one.at > now - timedelta(hours=24) for one in facts.tries)
    if method is None or facts.behind_another or recent >= TRIES_A_DAY_AT_ONCE:
        return None
    since = last.at if last else facts.first_failed_at
    another = last is not None and not same_method(last, method)
    if another or happened(method.changed_at, since, now):
        return Reason("card_changed", "The card changed: tried at once, no step of the schedule.")
    if happened(facts.confirmed_in_person_at, since, now):
        text = "The customer confirmed with their bank: tried at once, no step of the schedule."
        return Reason("customer_confirmed", text)
    return None


def _by_schedule(facts: CaseFacts, rules: RetryRules, now: datetime) -> Decision:
    failure = _reason_to_follow(facts)
    decline = failure.decline if failure and failure.decline else Decline("")
    row = codes.lookup(decline, failure.method_type if failure else "card")
    ladder = ladder_for(facts, rules, row)
    left = tries_left(facts, rules, row, ladder)
    if not left:
        return _used_up(facts, rules, now, ladder)
    natural = due_for(facts, rules, ladder, earliest=now)
    waits = _waits(facts, rules, now, after=natural.at)
    due = natural
    if waits:
        due = due_for(facts, rules, ladder, earliest=max(floor.at for floor in waits))
    end = max(natural.at, facts.first_failed_at + rules.horizon)
    if due.at > min(end, latest(facts), debits.last_moment(facts) or end):
        why = waits[0].reason if waits else Reason("too_late", "The first failure is too long ago.")
        return _wait(facts, rules, now, needs="new_card", why=why)
    why = _explain(facts, row, ladder, due, total=facts.retries_made + left)
    careful = (_unknown(row),) if not row.known else ()
    return RetryAt(due.at, facts.retries_made + 1, (why, *careful, *_reasons(waits)))


def _reason_to_follow(facts: CaseFacts) -> PaymentTry | None:
    """Return the newest failure of the method to charge; of any, where it was never tried."""
    own = [
        one
        for one in facts.tries
        if not one.succeeded and facts.method and same_method(one, facts.method)
    ]
    return newest(own) or facts.last_failure


def _used_up(
    facts: CaseFacts, rules: RetryRules, now: datetime, ladder: tuple[Step, ...]
) -> WaitForCustomer | GiveUp:
    """End, or give the customer the rest of the time if this reason's schedule was a short one."""
    made = facts.retries_made
    if not ladder:
        text = "Trying again by itself does not help for this reason: the customer must act."
        return _wait(facts, rules, now, needs="new_card", why=Reason("no_schedule", text))
    text = f"Tries used up: {made} {'retry' if made == 1 else 'retries'} made."
    why = Reason("tries_used_up", text)
    if made >= len(ladder) and length(ladder) >= rules.horizon:
        return _give_up(rules, why)
    return _wait(facts, rules, now, needs="new_card", why=why)


def _waits(facts: CaseFacts, rules: RetryRules, now: datetime, *, after: datetime) -> list[Floor]:
    """Return the guard rails that make a try wait beyond a moment, the longest first."""
    waits = [floor for floor in floors(facts, rules, now=now) if floor.at > after]
    return sorted(waits, key=lambda floor: floor.at, reverse=True)


def _reasons(waits: list[Floor]) -> tuple[Reason, ...]:
    return tuple(dict.fromkeys(floor.reason for floor in waits))


def _wait(
    facts: CaseFacts, rules: RetryRules, now: datetime, *, needs: CustomerNeed, why: Reason
) -> WaitForCustomer | GiveUp:
    until = facts.first_failed_at + rules.horizon
    if now < until:
        return WaitForCustomer(needs, (why,), until)
    ended = Reason("time_over", "The time the schedule gives the customer is over.")
    return _give_up(rules, why, ended)


def _give_up(rules: RetryRules, *reasons: Reason) -> GiveUp:
    return GiveUp(rules.final_action, reasons, rules.invoice_action)


def _explain(
    facts: CaseFacts, row: codes.CodeRow, ladder: tuple[Step, ...], due: Due, *, total: int
) -> Reason:
    lead = _LEADS.get(row.group, "Unknown reason")
    when = f"{spoken(due.at, zone_of(facts.zone))} in the customer's zone"
    step = ladder[facts.retries_made]
    if due.payday:
        when = f"on payday, {when}"
    elif step.at is None and facts.last_try and facts.last_try.moves_schedule:
        when = f"{hours_in_words(step.wait_hours)} after the try before, {when}"
    text = f"{lead}: tried again {when}; retry {facts.retries_made + 1} of {total}."
    return Reason("payday" if due.payday else "schedule", text)


def _unknown(row: codes.CodeRow) -> Reason:
    text = f"The code “{row.code}” is not known: few and careful tries."
    return Reason("unknown_code", text)


def _reason(blocked: Blocked) -> Reason:
    return Reason(blocked.code, blocked.text)
