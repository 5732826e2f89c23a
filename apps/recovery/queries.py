"""Reads across the recovery models, for pages and for checks before an action."""

import datetime as dt
from dataclasses import dataclass

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.dunning.decision import PlannedTry
from apps.dunning.facts import CaseFacts
from apps.dunning.policy import check_before_charge, plan
from apps.dunning.rules import RetryRules
from apps.recovery.facts import Seen, case_facts
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """Everything the page of one case shows; tries and attempts oldest first, events newest first.

    `plan` are the tries still to come if each fails for the same reason; the first one is the
    scheduled attempt where there is one. `retry_blocked` is "" when Retry now may be offered.
    """

    case: RecoveryCase
    customer: Customer | None
    rules: RetryRules
    facts: CaseFacts | None
    attempts: list[Attempt]
    tries: list[Try]
    events: list[CaseEvent]
    plan: tuple[PlannedTry, ...]
    retry_blocked: str

    @property
    def in_flight(self) -> Attempt | None:
        """The attempt whose outcome is not known yet."""
        return next((one for one in self.attempts if one.status in Attempt.UNSETTLED), None)

    @property
    def scheduled(self) -> Attempt | None:
        """The attempt that is planned."""
        return next((one for one in self.attempts if one.status == "scheduled"), None)


def case_detail(*, merchant: Merchant, case_id: int, now: dt.datetime) -> CaseDetail:
    """Load one case with all that happened and all that is planned; about eight queries.

    Raises:
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    case = RecoveryCase.objects.for_merchant(merchant).select_related("merchant").get(pk=case_id)
    rules = RetryRules.from_json(case.rules)
    facts = stored_facts(case=case, now=now)
    is_open = case.status == RecoveryCase.Status.OPEN
    return CaseDetail(
        case=case,
        customer=Customer.objects.for_merchant(merchant)
        .filter(stripe_customer_id=case.stripe_customer_id)
        .first(),
        rules=rules,
        facts=facts,
        attempts=list(case.attempts.order_by("number")),
        tries=list(
            Try.objects.for_merchant(merchant)
            .filter(stripe_invoice_id=case.stripe_invoice_id)
            .select_related("attempt")
        ),
        events=list(case.events.order_by("-at", "-id")),
        plan=plan(facts=facts, rules=rules, now=now) if facts and is_open else (),
        retry_blocked=retry_blocked(case=case, now=now),
    )


def retry_blocked(*, case: RecoveryCase, now: dt.datetime) -> str:
    """Say why Retry now is not possible, from what was last read; "" when it is.

    The worker asks the same rules again with a fresh read right before the charge.
    """
    if case.status != RecoveryCase.Status.OPEN:
        return "This case is closed."
    if not case.merchant.charging_on:
        return "Charging is switched off."
    if case.attempts.unsettled().exists():
        return "A charge is under way already."
    facts = stored_facts(case=case, now=now)
    if facts is None:
        return "The invoice has not been read yet."
    blocked = check_before_charge(facts=facts, rules=RetryRules.from_json(case.rules), now=now)
    return blocked.text if blocked else ""


def stored_facts(*, case: RecoveryCase, now: dt.datetime) -> CaseFacts | None:
    """Build the facts of a case from its last read, without a call; None before the first."""
    if not case.seen:
        return None
    return case_facts(case=case, seen=Seen.from_json(case.seen), now=now)
