"""What new settings would do to people whose payment has failed already."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Prefetch

from apps.accounts.models import Merchant
from apps.customer_payments.models import Access, AccessStep, CustomerPaymentSettings
from apps.customer_payments.services.facts import (
    FAILURES,
    RUNNING,
    access_facts,
    first_failure,
    first_of,
    lock_case,
)
from apps.customer_payments.services.planning import plan
from apps.dunning.access import AccessRules, plan_steps
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.subscriptions.models import Subscription

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
    running = _running(merchant)
    for case in open_cases(merchant):
        offer = (case.stripe_customer_id, case.stripe_product_id)
        row = access.get(offer)
        if row is not None and (row.state == Access.State.REVOKED or not row.is_automatic):
            continue
        facts = access_facts(
            case=case,
            failed_at=first_of(getattr(case, "failures", [])),
            bought_again=bool(running.get(offer, set()) - {case.stripe_subscription_id}),
            unsettled=bool(getattr(case, "has_unsettled", False)),
        )
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
    """Give the open cases of subscriptions and payment plans that Recoup answers for.

    Each with `failures`, its events of those kinds, and whether it `has_unsettled` attempts.
    """
    return list(
        RecoveryCase.objects.for_merchant(merchant)
        .open()
        .filter(source=RecoveryCase.Source.LIVE)
        .exclude(kind=RecoveryCase.Kind.ONE_OFF)
        .exclude(stripe_customer_id="")
        .annotate(has_unsettled=Exists(Attempt.objects.unsettled().filter(case_id=OuterRef("pk"))))
        .prefetch_related(
            Prefetch(
                "events",
                queryset=CaseEvent.objects.filter(kind__in=FAILURES),
                to_attr="failures",
            )
        )
        .order_by("id")
    )


def _running(merchant: Merchant) -> dict[tuple[str, str], set[str]]:
    """Give the running subscriptions of customers with an open case, by customer and offer."""
    owing = RecoveryCase.objects.for_merchant(merchant).open().values("stripe_customer_id")
    found: dict[tuple[str, str], set[str]] = {}
    rows = Subscription.objects.for_merchant(merchant).filter(
        status__in=RUNNING, stripe_customer_id__in=owing
    )
    for customer, product, subscription in rows.exclude(stripe_product_id="").values_list(
        "stripe_customer_id", "stripe_product_id", "stripe_subscription_id"
    ):
        found.setdefault((customer, product), set()).add(subscription)
    return found
