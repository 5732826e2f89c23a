"""Cases and payments of some weeks, made at once, for pages that need many."""

import datetime as dt
import random

from apps.analytics import services
from apps.recovery.models import RecoveryCase, Try
from tests.recovery.factories import CaseFactory
from tests.transactions.factories import TransactionFactory

NOW = dt.datetime(2026, 11, 22, 17, tzinfo=dt.UTC)
CODES = ("insufficient_funds", "generic_decline", "processing_error", "expired_card")


def make_crowd(merchant, *, cases=60, days=80, now=NOW) -> None:
    """Make cases that failed within so many days: most recovered, some lost, open or stopped."""
    chance = random.Random(7)  # noqa: S311
    tries = []
    for _ in range(cases):
        failed_at = now - dt.timedelta(days=chance.uniform(0, days))
        status = chance.choices(["recovered", "lost", "open", "stopped"], [6, 2, 2, 1])[0]
        reason = {"recovered": "paid", "lost": "tries_used_up", "stopped": "paid_elsewhere"}
        ended = None if status == "open" else failed_at + dt.timedelta(hours=chance.randint(2, 400))
        amount = chance.choice([4_900, 14_900, 24_900])
        case = CaseFactory(
            merchant=merchant,
            status=status,
            end_reason=reason.get(status, ""),
            failed_at=failed_at,
            opened_at=failed_at,
            closed_at=ended,
            amount_due_minor=amount,
            recovered_minor=amount if status == "recovered" else 0,
            offer_name=chance.choice(["Studio Membership", "Masterclass"]),
            next_step="retry" if status == "open" else "nothing",
            next_try_at=now + dt.timedelta(days=chance.uniform(0, 13))
            if status == "open"
            else None,
        )
        TransactionFactory(
            merchant=merchant,
            stripe_id=case.stripe_invoice_id,
            offer_name=case.offer_name,
            amount_minor=amount,
            billing_reason="subscription_cycle",
            at=failed_at,
            first_failed_at=failed_at,
            tries=2,
        )
        code = chance.choice(CODES)
        tries.append(_try(case, 1, failed_at, "failed", code))
        if ended:
            paid = "succeeded" if status == "recovered" else "failed"
            tries.append(_try(case, 2, ended, paid, code))
    for _ in range(cases * 9):
        TransactionFactory(
            merchant=merchant,
            offer_name="Studio Membership",
            billing_reason="subscription_cycle",
            at=now - dt.timedelta(days=chance.uniform(0, days)),
            tries=1,
        )
    Try.objects.bulk_create(tries)
    services.count_everything_again(merchant=merchant)


def _try(case: RecoveryCase, number: int, at: dt.datetime, status: str, code: str) -> Try:
    return Try(
        merchant_id=case.merchant_id,
        stripe_charge_id=f"ch_{case.pk}_{number}",
        stripe_invoice_id=case.stripe_invoice_id,
        at=at,
        status=status,
        amount_minor=case.amount_due_minor,
        amount_due_minor=case.amount_due_minor,
        amount_remaining_minor=case.amount_due_minor,
        currency=case.currency,
        method_type="card",
        method_brand="visa",
        failure_code="" if status == "succeeded" else "card_declined",
        decline_code="" if status == "succeeded" else code,
    )
