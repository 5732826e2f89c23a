"""Cases that an import brought in: watched in silence until the merchant takes them over."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.dunning.decision import GiveUp
from apps.dunning.money import Money
from apps.dunning.policy import next_step
from apps.dunning.rules import RetryRules
from apps.dunning.segments import SegmentFacts
from apps.recovery.facts import Seen, case_facts
from apps.recovery.models import CaseEvent, RecoveryCase, RecoveryCaseQuerySet
from apps.recovery.services.choosing import rules_in_words
from apps.recovery.services.events import append_event
from apps.retry_settings.services import rules_chooser
from apps.stripe_gateway.facts import InvoiceFacts

Engine, Takeover = RecoveryCase.Engine, RecoveryCase.Takeover


class CountChanged(Exception):
    """Another number of cases would be taken over than was confirmed; nothing happened."""

    def __init__(self, current: int) -> None:
        super().__init__(f"There are {current} cases to take over now.")
        self.current = current


def imported_cases_to_take_over(*, merchant: Merchant, now: dt.datetime) -> RecoveryCaseQuerySet:
    """Select the open imported cases that would be treated as our own if the merchant says so.

    Where Recoup retries, those too old for any try are left out: taken over, they would only end.
    """
    cases = (
        RecoveryCase.objects.for_merchant(merchant).open().filter(source=RecoveryCase.Source.IMPORT)
    )
    choose = rules_chooser(merchant)
    worth_it = []
    for case in cases.only("segment", "failed_at", "kind", "amount_due_minor", "currency"):
        rules = choose(segment_of(case))
        if rules.engine == "stripe" or case.failed_at > now - rules.horizon:
            worth_it.append(case.pk)
    return cases.filter(pk__in=worth_it)


def segment_of(case: RecoveryCase) -> SegmentFacts:
    """Give what is known of an imported case that a segment may ask about."""
    if case.segment:
        return SegmentFacts.from_json(case.segment)
    return SegmentFacts(
        amount=Money(case.amount_due_minor, case.currency),
        recurring=case.kind != RecoveryCase.Kind.ONE_OFF,
    )


def when_given_up(
    *, case: RecoveryCase, invoice: InvoiceFacts, now: dt.datetime
) -> dt.datetime | None:
    """Say when Stripe gave an open imported invoice up; None while it goes on or is settled.

    That was with its last try. A live case ends when we see that instead.
    """
    is_watched = (
        case.source == RecoveryCase.Source.IMPORT and case.status == RecoveryCase.Status.OPEN
    )
    if not is_watched or invoice.status != "open":
        return None
    facts = case_facts(case=case, seen=Seen.of(invoice), now=now)
    decision = next_step(facts=facts, rules=RetryRules.from_json(case.rules), now=now)
    if not isinstance(decision, GiveUp):
        return None
    return max([case.failed_at, *(one.at for one in facts.tries)])


def take_over_imported(
    *, merchant: Merchant, expected_count: int, user: User | None, now: dt.datetime
) -> int:
    """Treat open imported cases as our own from now on, each by the rules of its segment.

    Recoup's engine asks Stripe to stop its own retries first (`repeat_takeovers`, within a
    minute); what happens to a case from now on is no longer silent. Cases too old for any try
    stay watched: taking them over would only end them. Asks Stripe nothing itself.

    Raises:
        CountChanged: it is not `expected_count` cases; nothing happened.
    """
    with transaction.atomic(durable=True):
        choose = rules_chooser(merchant)
        cases = list(
            imported_cases_to_take_over(merchant=merchant, now=now)
            .order_by("id")
            .select_for_update(of=("self",))
        )
        if len(cases) != expected_count:
            raise CountChanged(len(cases))
        by = user.display_name if user else "The operator"
        for case in cases:
            rules = choose(segment_of(case))
            ours = rules.engine == "recoup"
            case.source = RecoveryCase.Source.LIVE
            case.engine = Engine(rules.engine)
            case.rules = rules.to_json()
            case.takeover = Takeover.WANTED if ours else Takeover.NONE
            case.decide_by = now
            case.save(update_fields=["source", "engine", "rules", "takeover", "decide_by"])
            who = Engine(rules.engine).label
            append_event(
                case=case,
                kind=CaseEvent.Kind.TAKEOVER,
                key="imported_case_taken_over",
                at=now,
                actor=user.email if user else "Recoup",
                text=f"{by} took this imported case over. {who}, by the rules "
                f"“{rules_in_words(rules)}”.",
            )
        record_audit(
            merchant=merchant,
            user=user,
            action="cases.take_over_imported",
            at=now,
            after={"cases": len(cases)},
        )
    return len(cases)
