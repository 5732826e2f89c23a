"""Everything the page of one case shows."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from apps.accounts.models import Merchant
from apps.customers.payers import Payer, payer_column
from apps.dunning.decision import PlannedTry
from apps.dunning.facts import CaseFacts
from apps.dunning.forecast import course
from apps.dunning.policy import plan
from apps.dunning.rules import RetryRules
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.near import Near, near
from apps.recovery.queries.checks import StripeEnd, retry_blocked, stored_facts, stripe_end


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """Everything the page of one case shows; tries and attempts oldest first, events newest first.

    `plan` are the tries still to come if each fails for the same reason; the first one is the
    scheduled attempt where there is one. `ends_at` is when Recoup then gives up, None where that is
    Stripe's to say: `stripe_end` is then when its last try is made, as far as its settings are
    noted. `retry_blocked` is "" when Retry now may be offered.
    """

    case: RecoveryCase
    customer: Payer | None
    rules: RetryRules
    facts: CaseFacts | None
    near: Near
    events: list[CaseEvent]
    plan: tuple[PlannedTry, ...]
    retry_blocked: str
    ends_at: dt.datetime | None = None
    stripe_end: StripeEnd | None = None

    @property
    def attempts(self) -> Sequence[Attempt]:
        return self.near.attempts

    @property
    def tries(self) -> Sequence[Try]:
        return self.near.tries

    @property
    def in_flight(self) -> Attempt | None:
        """The attempt whose outcome is not known yet."""
        return next((one for one in self.attempts if one.status in Attempt.UNSETTLED), None)

    @property
    def scheduled(self) -> Attempt | None:
        """The attempt that is planned."""
        return next((one for one in self.attempts if one.status == "scheduled"), None)


def case_detail(
    *, merchant: Merchant, case_id: int, now: dt.datetime, is_charging: bool = False
) -> CaseDetail:
    """Load one case with all that happened and all that is planned; seven queries.

    One more without `is_charging`, which says that charging was found to be allowed just now.

    Raises:
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    cases = RecoveryCase.objects.for_merchant(merchant).annotate(payer=payer_column())
    # Its engine may be Stripe, whose settings as noted are wanted then.
    case = cases.select_related("merchant__stripe_notes").get(pk=case_id)
    rules = RetryRules.from_json(case.rules)
    around = near(case, now=now)
    facts = stored_facts(case=case, now=now, near=around)
    is_open = case.status == RecoveryCase.Status.OPEN
    # A held case ends only after somebody lets it go on.
    is_ours = is_open and case.engine == RecoveryCase.Engine.RECOUP and case.held_at is None
    return CaseDetail(
        case=case,
        ends_at=course(facts=facts, rules=rules, now=now).ends_at if facts and is_ours else None,
        stripe_end=stripe_end(case=case, facts=facts, now=now),
        customer=around.payer,
        rules=rules,
        facts=facts,
        near=around,
        events=list(case.events.order_by("-at", "-id")),
        plan=plan(facts=facts, rules=rules, now=now) if facts and is_open else (),
        retry_blocked=retry_blocked(
            case=case, now=now, facts=facts, attempts=around.attempts, is_charging=is_charging
        ),
    )
