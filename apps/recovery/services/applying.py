"""Give open cases the rules as they stand now; without it a case keeps those it began with."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.dunning.rules import RetryRules
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services.choosing import rules_in_words
from apps.recovery.services.events import append_event
from apps.recovery.services.imported import CountChanged
from apps.retry_settings.services import rules_by_policy


def cases_with_older_rules(*, merchant: Merchant) -> list[tuple[RecoveryCase, RetryRules]]:
    """Give the open cases whose rules differ from today's, each with what it would get.

    A case stays in the segment it opened in; where that is gone, the rules for everybody hold.
    One whose engine would change is left out: who charges an invoice is settled when its case
    opens.
    """
    default, policies = rules_by_policy(merchant)
    found = []
    for case in (
        RecoveryCase.objects.for_merchant(merchant).open().filter(source=RecoveryCase.Source.LIVE)
    ):
        rules = policies.get(str(case.rules.get("policy", "")), default).for_invoice(
            recurring=case.kind != RecoveryCase.Kind.ONE_OFF
        )
        same_engine = rules.engine == case.engine == case.rules.get("engine")
        if same_engine and RetryRules.from_json(case.rules) != rules:
            found.append((case, rules))
    return found


def apply_rules_to_open_cases(
    *, merchant: Merchant, expected_count: int, user: User | None, now: dt.datetime
) -> int:
    """Freeze today's rules on open cases; each is read and planned anew within a minute.

    Tries already made stay counted, and one under way goes on.

    Raises:
        CountChanged: it is not `expected_count` cases; nothing happened.
    """
    with transaction.atomic(durable=True):
        ids = [case.pk for case, _ in cases_with_older_rules(merchant=merchant)]
        list(RecoveryCase.objects.filter(pk__in=ids).select_for_update().order_by("id"))
        found = cases_with_older_rules(merchant=merchant)
        if len(found) != expected_count:
            raise CountChanged(len(found))
        by = user.display_name if user else "The operator"
        for case, rules in found:
            case.rules = rules.to_json()
            if case.next_step != RecoveryCase.Step.FINAL_ACTION:
                case.decide_by = now
            case.save(update_fields=["rules", "decide_by"])
            changes = case.events.filter(kind=CaseEvent.Kind.RULES_CHANGED).count()
            append_event(
                case=case,
                kind=CaseEvent.Kind.RULES_CHANGED,
                key=f"rules_changed:{changes + 1}",
                at=now,
                actor=user.email if user else "Recoup",
                text=f"{by} applied the present rules “{rules_in_words(rules)}” to this case.",
                data={"rules": rules.name, "policy": rules.policy},
            )
        record_audit(
            merchant=merchant,
            user=user,
            action="cases.apply_rules",
            at=now,
            after={"cases": len(found)},
        )
    return len(found)
