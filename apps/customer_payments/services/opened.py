"""What new settings would do to people whose payment has failed already."""

import datetime as dt
from dataclasses import dataclass

from apps.accounts.models import Merchant
from apps.customer_payments.models import Access, AccessStep, CustomerPaymentSettings
from apps.customer_payments.services.facts import access_facts, first_failure, lock_case
from apps.customer_payments.services.planning import plan
from apps.dunning.access import AccessRules, plan_steps
from apps.recovery.models import RecoveryCase

OTHER_RULES = "Other settings were saved."


@dataclass(frozen=True, slots=True)
class Effect:
    """Whom rules would touch: customers that lose access at once, others later, by these cases."""

    customers_now: int
    customers_later: int
    case_ids: tuple[int, ...]


def effect_on_open(*, merchant: Merchant, rules: AccessRules, now: dt.datetime) -> Effect:
    """Say whom `rules` touch if they hold for open cases too. Changes nothing.

    Untouched are those who have lost access already, imported cases nobody took over, and those
    to whom a person gave access back.
    """
    access = {
        (row.stripe_customer_id, row.stripe_product_id): row
        for row in Access.objects.for_merchant(merchant)
    }
    lose_now: set[str] = set()
    lose_later: set[str] = set()
    case_ids: list[int] = []
    if rules.revoke == "never":
        return Effect(0, 0, ())
    for case in open_cases(merchant):
        row = access.get((case.stripe_customer_id, case.stripe_product_id))
        if row is not None and (row.state == Access.State.REVOKED or not row.is_automatic):
            continue
        facts = access_facts(case=case, failed_at=first_failure(case))
        steps = plan_steps(facts=facts, rules=rules) if facts.is_owed else ()
        if not steps:
            continue
        case_ids.append(case.pk)
        is_now = steps[-1].state == "revoked" and steps[-1].due_at <= now and not facts.under_way
        (lose_now if is_now else lose_later).add(case.stripe_customer_id)
    return Effect(len(lose_now), len(lose_later - lose_now), tuple(case_ids))


def apply_to_open(*, settings: CustomerPaymentSettings, effect: Effect, now: dt.datetime) -> None:
    """Plan the new steps for open cases; the caller's transaction keeps the settings.

    Steps whose time has come are carried out by the loop within seconds. What a person holds
    stays held.
    """
    for case_id in sorted(effect.case_ids):
        case = lock_case(case_id)
        if case.status != RecoveryCase.Status.OPEN:
            continue
        case.access_steps.filter(status=AccessStep.Status.PLANNED).update(
            status=AccessStep.Status.DROPPED, settled_at=now, note=OTHER_RULES
        )
        plan(case=case, settings=settings, failed_at=first_failure(case), now=now)


def open_cases(merchant: Merchant) -> list[RecoveryCase]:
    """Give the open cases of subscriptions and payment plans that Recoup answers for."""
    return list(
        RecoveryCase.objects.for_merchant(merchant)
        .open()
        .filter(source=RecoveryCase.Source.LIVE)
        .exclude(kind=RecoveryCase.Kind.ONE_OFF)
        .exclude(stripe_customer_id="")
        .order_by("id")
    )
