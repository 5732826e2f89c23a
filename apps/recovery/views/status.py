"""What a case's badge says and the line below it."""

import datetime as dt
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from apps.dunning import codes
from apps.dunning.facts import Decline
from apps.dunning.rules import RetryRules
from apps.recovery.models import Attempt, RecoveryCase

Step = RecoveryCase.Step


@dataclass(frozen=True, slots=True)
class ShownStatus:
    """`kind` and `status` name the badge; `text` and `at` make the second line."""

    kind: str
    status: str
    text: str = ""
    at: dt.datetime | None = None


def shown_status(case: RecoveryCase, *, unsettled: str = "") -> ShownStatus:
    """Return how a case stands. `unsettled` is the status of its attempt in flight, if any.

    Retrying is said only when a charge will really run: after a hard decline Stripe keeps its
    schedule but charges nothing until the card changes.
    """
    if case.status != RecoveryCase.Status.OPEN:
        return ShownStatus("case", case.status, ending_words(case))
    if unsettled:
        return ShownStatus("attempt", unsettled, _unsettled_words(unsettled))
    if case.next_step == Step.STRIPE:
        return _with_stripe(case)
    words = {
        Step.NEW_CARD: gettext("No retry until the card changes"),
        Step.NO_METHOD: gettext("No card on file"),
        Step.AUTHENTICATION: gettext("Customer must confirm (3-D Secure)"),
        Step.FINAL_ACTION: gettext("All tries used"),
        Step.HELD: case.get_hold_display() if case.hold else "",
    }
    if case.next_step == Step.RETRY:
        return ShownStatus("step", case.next_step, at=case.next_try_at)
    return ShownStatus("step", case.next_step, words.get(Step(case.next_step), ""))


def ending_words(case: RecoveryCase) -> str:
    """Return how a closed case ended: "After 6 days", "Tries used up"; "" while it is open."""
    if case.closed_at is None:
        return ""
    if case.status != RecoveryCase.Status.RECOVERED:
        return case.get_end_reason_display()
    days = (case.closed_at - case.failed_at).days
    if days == 0:
        return gettext("The same day")
    return ngettext("After %(n)d day", "After %(n)d days", days) % {"n": days}


def case_decline(case: RecoveryCase) -> Decline:
    """Return the last reason as `dunning` reads it."""
    return Decline(case.last_failure_code, case.last_decline_code)


def _with_stripe(case: RecoveryCase) -> ShownStatus:
    if case.last_failure_code or case.last_decline_code:
        row = codes.lookup(case_decline(case))
        if row.hard and row.needs_authentication:
            words = gettext("Customer must confirm (3-D Secure)")
            return ShownStatus("step", Step.AUTHENTICATION, words)
        if row.hard:
            words = gettext("No retry until the card changes")
            return ShownStatus("step", Step.NEW_CARD, words)
    if case.next_try_at is None:
        return ShownStatus("transaction", "failed", gettext("Time not set yet"))
    return ShownStatus("step", Step.STRIPE, at=case.next_try_at)


def _unsettled_words(status: str) -> str:
    if status == Attempt.Status.PROCESSING:
        return gettext("The bank's answer takes hours or days")
    return ""


def retries_planned(case: RecoveryCase, rules: RetryRules) -> int | None:
    """Return how many retries the rules hold for the last reason; None when no number is known."""
    if case.engine == RecoveryCase.Engine.STRIPE:
        return None
    if rules.strategy == "custom":
        return len(rules.steps)
    row = codes.lookup(case_decline(case))
    keys = (row.code, row.group, *(["issuer"] if row.group == "unknown" else []))
    ladder = next((rules.table[key] for key in keys if key in rules.table), rules.steps)
    return len(ladder) or None
