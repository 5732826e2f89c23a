"""What a transaction's row says: a pure projection of its invoice, its tries and its case.

The words are the design's; the rules are the product's: Retrying only when a charge will really
run, a first purchase is never past due, paid elsewhere is no recovery.
"""

import datetime as dt
from dataclasses import dataclass

from apps.dunning.codes import lookup
from apps.dunning.facts import Decline
from apps.transactions.models import Transaction

Status = Transaction.Status


@dataclass(frozen=True, slots=True)
class CaseView:
    """What a case says about its payment; the words are those of recovery's models.

    `unsettled` is the status of an attempt whose outcome is open (running, processing, unknown),
    `retries` how many retries were carried out, `won_by` the number of the one that was paid.
    """

    status: str
    end_reason: str = ""
    end_words: str = ""
    step: str = ""
    engine: str = ""
    takeover: str = ""
    next_try_at: dt.datetime | None = None
    failed_at: dt.datetime | None = None
    closed_at: dt.datetime | None = None
    unsettled: str = ""
    retries: int = 0
    won_by: int | None = None


@dataclass(frozen=True, slots=True)
class PaymentView:
    """What is known of a payment itself; amounts in the smallest unit of one currency.

    `invoice_status` is "" for a charge without an invoice. `last_try` is succeeded, failed,
    pending or "" when nothing was charged; `decline` belongs to a failed last try.
    """

    invoice_status: str
    amount_minor: int
    refunded_minor: int = 0
    last_try: str = ""
    decline: Decline | None = None
    method_type: str = "card"
    is_first_purchase: bool = False
    is_processing: bool = False
    needs_confirmation: bool = False
    is_paid_elsewhere: bool = False
    is_disputed: bool = False
    case: CaseView | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A status, its second line, and the next try if a charge will really run."""

    status: Transaction.Status
    detail: str = ""
    next_try_at: dt.datetime | None = None
    next_try_by: str = ""


def status_of(payment: PaymentView) -> Shown:
    """Say what the row of a payment shows."""
    if payment.is_disputed:
        return Shown(Status.DISPUTED)
    if payment.refunded_minor and payment.refunded_minor >= payment.amount_minor:
        return Shown(Status.REFUNDED)
    paid = (
        payment.invoice_status == "paid"
        or (not payment.invoice_status and payment.last_try == "succeeded")
        # Our own charge went through; the read that says so of the invoice comes a moment later.
        or (payment.case is not None and payment.case.status == "recovered")
    )
    if paid:
        return _paid(payment)
    if payment.invoice_status == "void":
        return Shown(Status.VOID)
    if payment.invoice_status == "uncollectible":
        return Shown(Status.FAILED, "Marked uncollectible")
    return _open(payment)


def _paid(payment: PaymentView) -> Shown:
    case = payment.case
    if case is not None and case.status == "open" and case.unsettled:
        return _in_recovery(payment, case)  # the attempt that paid is about to record it
    if payment.is_paid_elsewhere:
        return Shown(Status.SUCCEEDED, "Paid outside")
    if case is not None and case.status == "recovered":
        return Shown(Status.RECOVERED, _recovered_words(case))
    if payment.refunded_minor:
        return Shown(Status.SUCCEEDED, "Partly refunded")
    return Shown(Status.SUCCEEDED)


def _recovered_words(case: CaseView) -> str:
    words = "Recovered"
    if case.closed_at and case.failed_at:
        days = (case.closed_at - case.failed_at).days
        words = "The same day" if days < 1 else f"After {days} day{'' if days == 1 else 's'}"
    return words + (f", retry {case.won_by}" if case.won_by else "")


def _open(payment: PaymentView) -> Shown:
    """Project a payment that is neither paid nor closed."""
    case = payment.case
    if case is not None and case.status == "open":
        return _in_recovery(payment, case)
    if payment.is_processing or payment.last_try == "pending":
        return Shown(Status.PROCESSING, "Bank payment under way")
    if payment.is_first_purchase and (payment.last_try == "failed" or payment.needs_confirmation):
        return Shown(Status.INCOMPLETE, "First payment not completed")
    if case is not None:
        return Shown(Status.FAILED, _ended_words(case))
    if payment.needs_confirmation:
        return Shown(Status.NEEDS_AUTHENTICATION, "Customer must confirm (3-D Secure)")
    if payment.last_try == "failed":
        return Shown(Status.FAILED, "Not retried")
    return Shown(Status.OPEN)


def _in_recovery(payment: PaymentView, case: CaseView) -> Shown:
    """Project an unpaid payment with an open case: what its case waits for."""
    unsettled = {
        "running": Shown(Status.CHARGING),
        "unknown": Shown(Status.CHECKING, "A charge was sent; its outcome is being checked"),
        "processing": Shown(Status.PROCESSING, "Bank payment under way"),
    }
    if case.unsettled in unsettled:
        return unsettled[case.unsettled]
    waiting = {
        "new_card": Shown(Status.NEEDS_CARD, "No retry until the card changes"),
        "no_method": Shown(Status.NEEDS_CARD, "No card on file"),
        "authentication": Shown(Status.NEEDS_AUTHENTICATION, "Customer must confirm (3-D Secure)"),
        "checking": unsettled["unknown"],
        "processing": unsettled["processing"],
        "held": Shown(Status.FAILED, "On hold"),
        "retry": Shown(Status.RETRYING, "", case.next_try_at, case.engine),
    }
    if case.step in waiting:
        return waiting[case.step]
    if case.step == "stripe":
        return _left_to_stripe(payment, case)
    return Shown(Status.FAILED, _used_up_words(case))


def _left_to_stripe(payment: PaymentView, case: CaseView) -> Shown:
    """Project what Stripe retries: after a hard decline it schedules tries but charges nothing.

    Source: https://docs.stripe.com/billing/revenue-recovery/smart-retries
    """
    if payment.is_processing:
        return Shown(Status.PROCESSING, "Bank payment under way")
    if payment.needs_confirmation:
        return Shown(Status.NEEDS_AUTHENTICATION, "Customer must confirm (3-D Secure)")
    if payment.decline is not None:
        meaning = lookup(payment.decline, payment.method_type)
        if meaning.needs_authentication:
            return Shown(Status.NEEDS_AUTHENTICATION, "Customer must confirm (3-D Secure)")
        if meaning.hard:
            return Shown(Status.NEEDS_CARD, "No retry until the card changes")
    if case.next_try_at is None:
        return Shown(Status.RETRYING, "Time not set yet", None, "stripe")
    return Shown(Status.RETRYING, "", case.next_try_at, "stripe")


def _ended_words(case: CaseView) -> str:
    if case.end_reason == "tries_used_up":
        return _used_up_words(case)
    return case.end_words


def _used_up_words(case: CaseView) -> str:
    if case.engine == "stripe" or not case.retries:
        return "Tries used up" if case.engine == "stripe" else "Not retried"
    return "1 retry used" if case.retries == 1 else f"All {case.retries} retries used"
