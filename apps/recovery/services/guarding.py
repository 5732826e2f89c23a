"""What forbids a charge at the last moment, judged on a read from just before it."""

import datetime as dt
from dataclasses import replace

from apps.accounts.models import Merchant
from apps.accounts.queries import charging_stop
from apps.dunning.facts import CaseFacts
from apps.dunning.policy import check_before_charge
from apps.dunning.rules import RetryRules
from apps.recovery.facts import Seen, case_facts
from apps.recovery.models import Attempt, RecoveryCase
from apps.recovery.services.closing import end_of
from apps.stripe_gateway.facts import InvoiceFacts

KEY_LIFE = dt.timedelta(hours=23)
"""Stripe may forget a key after 24 hours; an older one could charge a second time.

Source: https://docs.stripe.com/api/idempotent_requests
"""
KEY_PERIOD = KEY_LIFE - dt.timedelta(hours=1)
"""How long one key of a write that is no charge is used."""


def forbidden(
    *, attempt: Attempt, invoice: InvoiceFacts, now: dt.datetime
) -> tuple[str, str] | None:
    """Give the code and words of the first thing that forbids this charge now; None if it may go.

    Every path that sends a charge asks here, manual retries and repeats included. The switches
    are read now: they may have been thrown since the case was.
    """
    case = attempt.case
    if case.status != RecoveryCase.Status.OPEN:
        return "case_closed", f"The case is {case.get_status_display().lower()}."
    if RecoveryCase.objects.filter(pk=case.pk, held_at__isnull=False).exists():
        return "on_hold", "The case is on hold."
    stop = charging_stop(Merchant.objects.get(pk=case.merchant_id))
    if stop is not None:
        return stop.code, stop.text
    if attempt.sent_at is not None and now - attempt.sent_at >= KEY_LIFE:
        return "key_too_old", "Its first sending is too long ago to be repeated safely."
    if end_of(invoice, case) is not None:
        return "not_needed", "Nothing is left to charge here."
    stripe_goes_on = invoice.auto_advance or invoice.next_payment_attempt is not None
    if case.engine == RecoveryCase.Engine.RECOUP and stripe_goes_on:
        return "stripe_retries", "Stripe's own retries are on for this invoice again."
    facts = case_facts(case=case, seen=Seen.of(invoice), now=now)
    if attempt.trigger == Attempt.Trigger.BACKUP:
        facts = replace(facts, backup_used=False)  # the one charge that is allowed is this one
    if case.engine == RecoveryCase.Engine.GAPS:
        beside = _beside_stripe(attempt=attempt, invoice=invoice, facts=facts)
        if beside is not None:
            return beside
    blocked = check_before_charge(
        facts=facts,
        rules=RetryRules.from_json(case.rules),
        now=now,
        manual=attempt.trigger in Attempt.ON_THE_SPOT,
        method=attempt.stripe_payment_method_id,
    )
    return (blocked.code, blocked.text) if blocked else None


def _beside_stripe(
    *, attempt: Attempt, invoice: InvoiceFacts, facts: CaseFacts
) -> tuple[str, str] | None:
    """Say whether Stripe's own schedule moved since a try in its gaps was planned.

    How near to Stripe's next try a charge may stand is asked of every path afterwards; this is
    about not knowing that time. Who asked in person is not held back by it.
    """
    if attempt.trigger in Attempt.ON_THE_SPOT:
        return None
    if facts.provider_has_retries and facts.provider_next_try_at is None:
        return "stripe_time_unknown", "Stripe plans a try of its own and has not said when."
    seen = attempt.case.seen.get("attempt_count", 0)
    if attempt.sent_at is None and seen and invoice.attempt_count != seen:
        return "stripe_tried", "Stripe tried by itself meanwhile; planned anew."
    return None


def key_of_now(key: str, *, since: dt.datetime, now: dt.datetime) -> str:
    """Give the key of a write that may be repeated for days; not for charges.

    Stripe forgets a key after a day, so a later try has the next one. The caller has read first,
    or repeats what changes nothing a second time.
    """
    periods = (now - since) // KEY_PERIOD
    return f"{key}-{periods}" if periods > 0 else key
