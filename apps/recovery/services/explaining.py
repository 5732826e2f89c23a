"""Why a case is where it is, line by line: the same reasons as on its page."""

import datetime as dt
from collections.abc import Iterator

from apps.dunning.decision import Decision, GiveUp, LeaveToStripe, RetryAt, WaitForTurn
from apps.dunning.forecast import course
from apps.dunning.policy import check_before_charge, next_step
from apps.dunning.rules import RetryRules
from apps.dunning.words import words
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.checks import stored_facts, stripe_end
from apps.recovery.services.choosing import rules_in_words


def explanation(*, case: RecoveryCase, now: dt.datetime) -> Iterator[str]:
    """Yield what is known, what was decided and why, and what still comes if nothing changes."""
    rules = RetryRules.from_json(case.rules)
    yield f"{case}: {case.get_engine_display()}, rules “{rules_in_words(rules)}”."
    facts = stored_facts(case=case, now=now)
    if facts is None:
        yield "The invoice was not read yet: nothing is decided."
        return
    for one in facts.tries:
        what = "paid" if one.succeeded else words(one.decline) if one.decline else "declined"
        by = "by the schedule or Stripe" if one.moves_schedule else "outside the schedule"
        yield f"  {one.at:%Y-%m-%d %H:%M} UTC  {what} ({by})"
    for reason in case.reasons:
        yield f"Decided then: {reason['text']} [{reason['code']}]"
    if case.status != RecoveryCase.Status.OPEN:
        yield f"Closed: {case.get_end_reason_display()}."
        return
    decision = next_step(facts=facts, rules=rules, now=now)
    yield f"Asked now: {_said(decision)}"
    for why in decision.reasons:
        yield f"  because: {why.text} [{why.code}]"
    blocked = check_before_charge(facts=facts, rules=rules, now=now)
    yield f"A charge at this moment: {f'no. {blocked.text} [{blocked.code}]' if blocked else 'allowed.'}"
    ahead = course(facts=facts, rules=rules, now=now)
    for planned in ahead.tries:
        yield f"  then, if unpaid: {planned.due_at:%Y-%m-%d %H:%M} UTC  {planned.reasons[0].text}"
    if ahead.ends_at and ahead.end:
        ends = f"{ahead.end.final_action}, invoice: {ahead.end.invoice_action}"
        yield f"Ends {ahead.ends_at:%Y-%m-%d %H:%M} UTC if unpaid: {ends}."
    elif stripes := stripe_end(case=case, facts=facts, now=now):
        known = "as noted" if stripes.is_noted else "by its default"
        yield f"Stripe's last try by {stripes.at:%Y-%m-%d} {known}: {stripes.text or 'as set in Stripe'}."


def _said(decision: Decision) -> str:
    if isinstance(decision, RetryAt):
        return f"charge again {decision.due_at:%Y-%m-%d %H:%M} UTC."
    if isinstance(decision, LeaveToStripe):
        return "leave it to Stripe."
    if isinstance(decision, GiveUp):
        return f"give up: {decision.final_action}, invoice: {decision.invoice_action}."
    if isinstance(decision, WaitForTurn):
        return "wait for another invoice."
    return f"wait for the customer ({decision.what}) until {decision.until:%Y-%m-%d %H:%M} UTC."
