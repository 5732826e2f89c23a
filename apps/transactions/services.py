"""Writes to the read model of payments."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.customers.upsert import columns_of, save_changes, write_newer
from apps.dunning.codes import lookup
from apps.dunning.provider import stripe_goes_on
from apps.dunning.words import words
from apps.recovery.models import Attempt, RecoveryCase, Try
from apps.stripe_gateway.facts import ChargeFacts, InvoiceFacts
from apps.transactions.models import Transaction
from apps.transactions.projection import CaseView, PaymentView, status_of

TRIAL_END_LEEWAY = dt.timedelta(days=1)
FIRST_PURCHASE = ("incomplete", "incomplete_expired")


def project_invoice(
    *,
    merchant: Merchant,
    invoice: InvoiceFacts,
    case: RecoveryCase | None,
    read_at: dt.datetime,
) -> Transaction | None:
    """Write an invoice's row as one read saw it; what was read later stays.

    The tries kept by `recovery` must have been written before. Drafts, and invoices over nothing
    (trials, credits), are no payments and get no row: the answer is None.
    """
    is_payment = invoice.status != "draft" and (invoice.amount_due.minor > 0 or invoice.tries)
    if not is_payment:
        return None
    keys = {"merchant": merchant, "stripe_id": invoice.id}
    with transaction.atomic():
        written = write_newer(
            Transaction, keys=keys, values=_invoice_columns(merchant, invoice), read_at=read_at
        )
        row = Transaction.objects.select_for_update().get(**keys)
        before = columns_of(row)
        if written:
            row.stripe_goes_on = stripe_goes_on(
                invoice_status=invoice.status,
                collection_method=invoice.collection_method,
                auto_advance=invoice.auto_advance,
                next_payment_attempt=invoice.next_payment_attempt,
                failed=invoice.attempt_count > 0 and bool(case or _has_failed(invoice)),
                taken_over=case is not None and case.engine == RecoveryCase.Engine.RECOUP,
                zone=merchant.zone,
                waits_for_card=_waits_for_card(invoice),
            )
        if case is not None:
            case.refresh_from_db()
        _derive(row, case)
        save_changes(row, before=before)
    return row


def project_charge(
    *, merchant: Merchant, charge: ChargeFacts, read_at: dt.datetime
) -> Transaction | None:
    """Write the row of a charge that belongs to no invoice; None for one that has an invoice."""
    if charge.invoice_id:
        return None
    tried = charge.tried
    method, decline = tried.method, tried.decline
    customer = (
        Customer.objects.for_merchant(merchant)
        .filter(stripe_customer_id=charge.customer_id)
        .first()
        if charge.customer_id
        else None
    )
    shown = status_of(
        PaymentView(
            invoice_status="",
            amount_minor=tried.amount.minor,
            refunded_minor=tried.refunded_minor,
            last_try=tried.status,
            decline=decline,
            method_type=method.type if method else "card",
            is_disputed=tried.disputed,
        )
    )
    failed = tried.status == Try.Status.FAILED
    keys = {"merchant": merchant, "stripe_id": tried.charge_id}
    write_newer(
        Transaction,
        keys=keys,
        values={
            "stripe_charge_id": tried.charge_id,
            "stripe_payment_intent_id": tried.payment_intent_id,
            "stripe_customer_id": charge.customer_id,
            "customer_name": customer.name if customer else "",
            "customer_email": customer.email if customer else "",
            "offer_name": charge.description[:512],
            "amount_minor": tried.amount.minor,
            "amount_remaining_minor": 0 if tried.status == "succeeded" else tried.amount.minor,
            "amount_refunded_minor": tried.refunded_minor,
            "currency": tried.amount.currency,
            "status": shown.status,
            "status_detail": shown.detail,
            "is_disputed": tried.disputed,
            "at": tried.at,
            "paid_at": tried.at if tried.status == "succeeded" else None,
            "first_failed_at": tried.at if failed else None,
            "last_tried_at": tried.at,
            "tries": 1,
            "failure_code": decline.code if decline else "",
            "decline_code": decline.decline_code if decline else "",
            "decline_words": words(decline) if decline else "",
            "advice_code": decline.advice_code if decline else "",
            "method_type": method.type if method else "",
            "method_brand": method.brand if method else "",
            "method_last4": method.last4 if method else "",
        },
        read_at=read_at,
    )
    return Transaction.objects.get(**keys)


def was_read_later(*, merchant: Merchant, invoice_id: str, read_at: dt.datetime) -> bool:
    """Say whether what is stored of an invoice was read after `read_at`."""
    return (
        Transaction.objects.for_merchant(merchant)
        .filter(stripe_id=invoice_id, read_at__gt=read_at)
        .exists()
    )


def apply_case(*, case: RecoveryCase) -> None:
    """Derive a payment's status again from what is stored, its tries and its case.

    Asks Stripe nothing. A payment that was not read yet has no row: its read will do this.
    """
    with transaction.atomic():
        row = (
            Transaction.objects.select_for_update()
            .filter(merchant_id=case.merchant_id, stripe_id=case.stripe_invoice_id)
            .first()
        )
        if row is None:
            return
        case.refresh_from_db()
        before = columns_of(row)
        _derive(row, case)
        save_changes(row, before=before)


def _invoice_columns(merchant: Merchant, invoice: InvoiceFacts) -> dict[str, object]:
    """Give the columns that come from the read alone."""
    customer, subscription = invoice.customer, invoice.subscription
    columns: dict[str, object] = {
        "stripe_invoice_id": invoice.id,
        "stripe_subscription_id": invoice.subscription_id,
        "stripe_customer_id": invoice.customer_id,
        "number": invoice.number,
        "offer_name": (invoice.offer_name or invoice.description)[:512],
        "amount_minor": invoice.amount_due.minor,
        "amount_remaining_minor": invoice.amount_remaining.minor,
        "amount_refunded_minor": sum(tried.refunded_minor for tried in invoice.tries),
        "currency": invoice.amount_due.currency,
        "invoice_status": invoice.status,
        "billing_reason": invoice.billing_reason,
        "is_first_purchase": invoice.billing_reason == "subscription_create"
        and (subscription is None or subscription.status in FIRST_PURCHASE),
        "is_after_trial": _is_after_trial(invoice),
        "is_sent": invoice.collection_method == "send_invoice",
        "finalized_at": invoice.finalized_at or invoice.created_at,
        "due_at": invoice.due_at,
        "is_processing": invoice.processing,
        "needs_confirmation": invoice.requires_action,
        "is_paid_elsewhere": invoice.paid_out_of_band,
        "is_disputed": any(tried.disputed for tried in invoice.tries),
        "at": invoice.created_at,
        "paid_at": invoice.paid_at,
        "stripe_attempt_count": invoice.attempt_count,
    }
    if customer is not None and not customer.is_deleted:
        columns["customer_name"] = customer.name[:512]
        columns["customer_email"] = customer.email[:512]
    if invoice.method is not None:
        columns["method_type"] = invoice.method.type
        columns["method_brand"] = invoice.method.brand
        columns["method_last4"] = invoice.method.last4
    return columns


def _is_after_trial(invoice: InvoiceFacts) -> bool:
    """Say whether an invoice is the first to be paid after a trial: made when the trial ended."""
    trial_end = invoice.subscription.trial_end if invoice.subscription else None
    return trial_end is not None and abs(invoice.created_at - trial_end) <= TRIAL_END_LEEWAY


def _derive(row: Transaction, case: RecoveryCase | None) -> None:
    """Fill the columns that follow from the tries and the case. The caller locks and saves."""
    tries = list(
        Try.objects.filter(
            merchant_id=row.merchant_id, stripe_invoice_id=row.stripe_invoice_id
        ).order_by("at", "id")
    )
    last = tries[-1] if tries else None
    failed = [one for one in tries if one.status == Try.Status.FAILED]
    row.tries = len(tries)
    if last is not None:
        row.at = tries[0].at
        row.last_tried_at = last.at
        row.stripe_charge_id = last.stripe_charge_id
        row.stripe_payment_intent_id = last.stripe_payment_intent_id
        if last.method_type:
            row.method_type = last.method_type
            row.method_brand = last.method_brand
            row.method_last4 = last.method_last4
    row.first_failed_at = failed[0].at if failed else (case.failed_at if case else None)
    decline = failed[-1].decline if failed else None
    row.failure_code = decline.code if decline else ""
    row.decline_code = decline.decline_code if decline else ""
    row.decline_words = words(decline) if decline else ""
    row.advice_code = decline.advice_code if decline else ""
    if decline is None and case is not None:
        row.failure_code = case.last_failure_code
        row.decline_code = case.last_decline_code
        row.decline_words = case.last_decline_words
    row.case_id = case.pk if case else None
    row.case_status = case.status if case else ""
    is_recovered = case is not None and case.status == RecoveryCase.Status.RECOVERED
    row.recovered_at = case.closed_at if case and is_recovered else None
    shown = status_of(
        PaymentView(
            invoice_status=row.invoice_status,
            amount_minor=row.amount_minor,
            refunded_minor=row.amount_refunded_minor,
            last_try=last.status if last else "",
            decline=last.decline if last else None,
            method_type=row.method_type or "card",
            is_first_purchase=row.is_first_purchase,
            is_processing=row.is_processing,
            needs_confirmation=row.needs_confirmation,
            is_paid_elsewhere=row.is_paid_elsewhere,
            is_disputed=row.is_disputed,
            case=_case_view(case) if case else None,
        )
    )
    row.status, row.status_detail = shown.status, shown.detail[:300]
    row.next_try_at, row.next_try_by = shown.next_try_at, shown.next_try_by


def _case_view(case: RecoveryCase) -> CaseView:
    attempts = list(case.attempts.values_list("status", "number"))
    unsettled = [status for status, _ in attempts if status in Attempt.UNSETTLED]
    won = [number for status, number in attempts if status == Attempt.Status.SUCCEEDED]
    end_words = case.get_end_reason_display() if case.end_reason else ""
    return CaseView(
        status=case.status,
        end_reason=case.end_reason,
        end_words=end_words,
        step=case.next_step,
        engine=case.engine,
        takeover=case.takeover,
        next_try_at=case.next_try_at,
        failed_at=case.failed_at,
        closed_at=case.closed_at,
        unsettled=unsettled[0] if unsettled else "",
        retries=case.retries_made,
        won_by=max(won, default=None),
    )


def _waits_for_card(invoice: InvoiceFacts) -> bool:
    """Tell whether the last try was refused for good, and the same method would be charged."""
    failed = [tried for tried in invoice.tries if tried.status == "failed" and tried.decline]
    last = max(failed, key=lambda tried: tried.at, default=None)
    if last is None or last.decline is None:
        return False
    is_same = not invoice.method or not last.method or invoice.method == last.method
    return is_same and lookup(last.decline, last.method.type if last.method else "card").hard


def _has_failed(invoice: InvoiceFacts) -> bool:
    return any(tried.status == "failed" for tried in invoice.tries)


def show_customer(*, merchant: Merchant, customer_id: str, name: str, email: str) -> None:
    """Show a customer's new name and email on all their payments."""
    Transaction.objects.for_merchant(merchant).filter(stripe_customer_id=customer_id).update(
        customer_name=name, customer_email=email
    )
