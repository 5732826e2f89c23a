"""Keep every charge that ran, once: our own 402 and all events about it are one try."""

import logging
from collections.abc import Sequence

from apps.accounts.models import Merchant
from apps.customers.models import PaymentMethod
from apps.customers.queries import method_of
from apps.dunning import codes
from apps.dunning.facts import Method
from apps.dunning.words import method_name, words
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.services.events import append_event
from apps.stripe_gateway.facts import InvoiceFacts, TryFacts

logger = logging.getLogger(__name__)

# What may become known later. Amounts and Stripe's counter stay as they were at the try.
UPDATABLE = [
    "stripe_payment_intent_id",
    "status",
    "failure_code",
    "decline_code",
    "failure_message",
    "outcome_type",
    "network_status",
    "advice_code",
    "network_advice_code",
    "network_decline_code",
    "reached_network",
]


def record_tries(*, merchant: Merchant, invoice: InvoiceFacts) -> None:
    """Keep the charges an invoice read showed; known ones are refreshed in place.

    A pending charge may become succeeded or failed; a settled one never becomes pending again,
    however late an older read arrives.
    """
    if not invoice.tries:
        return
    settled = set(
        Try.objects.for_merchant(merchant)
        .filter(stripe_charge_id__in=[one.charge_id for one in invoice.tries])
        .exclude(status=Try.Status.PENDING)
        .values_list("stripe_charge_id", flat=True)
    )
    rows = [
        try_row(merchant=merchant, invoice=invoice, tried=one)
        for one in invoice.tries
        if one.charge_id not in settled or one.status != Try.Status.PENDING
    ]
    Try.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["merchant", "stripe_charge_id"],
        update_fields=UPDATABLE,
    )


def try_row(*, merchant: Merchant, invoice: InvoiceFacts, tried: TryFacts) -> Try:
    """Build the row of one charge of an invoice."""
    method, decline = _in_full(merchant, tried.method), tried.decline
    return Try(
        merchant=merchant,
        stripe_charge_id=tried.charge_id,
        stripe_payment_intent_id=tried.payment_intent_id,
        stripe_invoice_id=invoice.id,
        stripe_subscription_id=invoice.subscription_id,
        stripe_customer_id=invoice.customer_id,
        at=tried.at,
        status=tried.status,
        amount_minor=tried.amount.minor,
        amount_due_minor=invoice.amount_due.minor,
        amount_remaining_minor=invoice.amount_remaining.minor,
        currency=tried.amount.currency,
        stripe_attempt_count=invoice.attempt_count,
        stripe_payment_method_id=method.reference if method else "",
        method_type=method.type if method else "",
        method_brand=method.brand if method else "",
        method_last4=method.last4 if method else "",
        fingerprint=method.fingerprint if method else "",
        failure_code=decline.code if decline else "",
        decline_code=decline.decline_code if decline else "",
        failure_message=decline.message[:500] if decline else "",
        outcome_type=decline.outcome_type if decline else "",
        network_status=decline.network_status if decline else "",
        advice_code=decline.advice_code if decline else "",
        network_advice_code=decline.network_advice_code if decline else "",
        network_decline_code=decline.network_decline_code if decline else "",
        reached_network=tried.reached_network,
    )


def note_failures(case: RecoveryCase, tries: Sequence[Try]) -> None:
    """Append an event for every failed try that has none, and keep the last reason on the case.

    `tries` are those of `tries_of`, as they stand now.
    """
    noted = set(case.events.filter(kind=CaseEvent.Kind.TRY_FAILED).values_list("key", flat=True))
    for one in tries:
        if one.status != Try.Status.FAILED or one.decline is None:
            continue
        decline_words = words(one.decline)
        added = f"try:{one.stripe_charge_id}" not in noted and append_event(
            case=case,
            kind=CaseEvent.Kind.TRY_FAILED,
            key=f"try:{one.stripe_charge_id}",
            at=one.at,
            text=f"{_who(one)} declined: {decline_words}.",
            data={
                "charge": one.stripe_charge_id,
                "code": one.decline.reason,
                "attempt": one.attempt.number if one.attempt else None,
                "counts_as_failure": one.decline.reason != "authentication_required",
            },
        )
        if added and not codes.lookup(one.decline, one.method_type or "card").known:
            logger.warning("A decline code in no table: %s.", one.decline.reason)
        case.last_failure_code = one.failure_code
        case.last_decline_code = one.decline_code
        case.last_decline_words = decline_words


def _in_full(merchant: Merchant, method: Method | None) -> Method | None:
    """Add what is on file of a method that an answer names only by its id.

    So does a pay call's: its card would have no name, and no fingerprint that its budget counts by.
    """
    if method is None or method.last4 or not method.reference:
        return method
    known = (
        PaymentMethod.objects.for_merchant(merchant)
        .filter(stripe_payment_method_id=method.reference)
        .first()
    )
    return method if known is None else method_of(known)


def link_try(*, attempt: Attempt, charge_id: str) -> None:
    """Say that a charge was made by this attempt of ours."""
    attempt.stripe_charge_id = charge_id
    Try.objects.filter(
        merchant_id=attempt.case.merchant_id, stripe_charge_id=charge_id, attempt=None
    ).update(attempt=attempt)


def _who(one: Try) -> str:
    card = method_name(one.method_brand or one.method_type, one.method_last4)
    if one.attempt is None:
        return f"Payment with {card}"
    if one.attempt.asked_by:
        return f"Retry asked for by {one.attempt.asked_by} with {card}"
    return f"Retry {one.attempt.number} with {card}"
