"""What new settings do to people whose payment has failed already."""

import datetime as dt
import logging
import time
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch

from apps.accounts.models import Merchant, User
from apps.customer_payments.models import (
    Access,
    AccessRun,
    AccessStep,
    CustomerPaymentSettings,
)
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

logger = logging.getLogger(__name__)

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


def start_run(
    *, merchant: Merchant, effect: Effect, user: User | None, now: dt.datetime
) -> AccessRun | None:
    """Keep whom saved settings shall touch; a worker plans their steps. None where it is nobody.

    The caller's transaction keeps the settings and has ended any run before.
    """
    if not effect.case_ids:
        return None
    return AccessRun.objects.create(
        merchant=merchant,
        asked_at=now,
        asked_by=user.email if user else "Recoup",
        customers=effect.customers_now,
        case_ids=sorted(effect.case_ids),
    )


def end_runs(*, merchant: Merchant, now: dt.datetime) -> None:
    """Let go of what is left of a run, because other settings hold now."""
    unfinished = AccessRun.objects.for_merchant(merchant).unfinished()
    unfinished.update(finished_at=now, note=OTHER_RULES)


def plan_runs(*, now: dt.datetime, seconds: float = 60.0) -> int:
    """Plan the steps of every run under way, for so long of real time; give how many cases."""
    until, count = time.monotonic() + seconds, 0
    for run_id in list(AccessRun.objects.unfinished().values_list("pk", flat=True)):
        while time.monotonic() < until and plan_next(run_id=run_id, now=now):
            count += 1
    return count


def plan_next(*, run_id: int, now: dt.datetime) -> bool:
    """Plan the steps of a run's next case; False when none is left, or another worker has it.

    Steps whose time has come are carried out by the loop within seconds, each after a fresh look at
    the payment. What a person holds stays held.
    """
    with transaction.atomic(durable=True):
        unfinished = AccessRun.objects.unfinished().filter(pk=run_id)
        run = (
            unfinished.select_for_update(of=("self",), skip_locked=True)
            .select_related("merchant")
            .first()
        )
        if run is None:
            return False
        case_id = run.case_ids[run.position]
        try:
            with transaction.atomic():
                _plan_case(run, case_id, now=now)
        except Exception:  # whatever it is, one case holds up no other
            logger.exception("No steps could be planned for case %s", case_id)
        run.position += 1
        if run.position == run.total:
            run.finished_at = now
        run.save(update_fields=["position", "finished_at"])
    return True


def _plan_case(run: AccessRun, case_id: int, *, now: dt.datetime) -> None:
    case = lock_case(case_id)
    if case.status != RecoveryCase.Status.OPEN:
        return
    case.access_steps.filter(status=AccessStep.Status.PLANNED).update(
        status=AccessStep.Status.DROPPED, settled_at=now, note=OTHER_RULES
    )
    settings = CustomerPaymentSettings.objects.get(merchant=run.merchant)
    plan(case=case, settings=settings, failed_at=first_failure(case), now=run.asked_at)


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
