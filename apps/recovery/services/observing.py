"""What a read of Stripe means for a case: open it, note what happened, plan, or close it."""

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from apps.accounts.models import Merchant
from apps.recovery.facts import tries_of
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.services import takeover
from apps.recovery.services.choosing import rules_in_words, segment_facts
from apps.recovery.services.closing import close_case, end_of, reopen_case
from apps.recovery.services.events import append_event
from apps.recovery.services.evidence import settle_by_evidence
from apps.recovery.services.holds import hold_if_customer_cancels
from apps.recovery.services.imported import when_given_up
from apps.recovery.services.planning import LOOK_AGAIN, plan_case
from apps.recovery.services.tries import note_failures, record_tries
from apps.retry_settings.services import OBSERVE, rules_for
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.facts import InvoiceFacts

FIRST_PURCHASE = ("incomplete", "incomplete_expired")
OPEN = RecoveryCase.Status.OPEN

READ_AGAIN = dt.timedelta(minutes=15)
"""When a case comes back that was to be read and was not."""


def observe_invoice(
    *, merchant: Merchant, invoice: InvoiceFacts, now: dt.datetime, source: str = "live"
) -> RecoveryCase | None:
    """Take in one fresh read of an invoice and give back its case, if it has one.

    Opens a case on the first failure, and asks Stripe at once to stop its own retries when
    Recoup retries. Same read, same result: repeats and older reads change nothing.
    """
    with transaction.atomic(durable=True):
        record_tries(merchant=merchant, invoice=invoice)
        case = lock_case(merchant=merchant, invoice_id=invoice.id)
        if case is None:
            case = _open_case(merchant=merchant, invoice=invoice, now=now, source=source)
        if case is not None:
            take_in(case=case, invoice=invoice, now=now)
    if case is not None and case.takeover == RecoveryCase.Takeover.WANTED:
        takeover.take_over(case_id=case.pk, now=now)
        case.refresh_from_db()
    return case


def lock_case(*, merchant: Merchant, invoice_id: str) -> RecoveryCase | None:
    """Lock the case of an invoice for the rest of the transaction."""
    return (
        RecoveryCase.objects.for_merchant(merchant)
        .filter(stripe_invoice_id=invoice_id)
        .select_for_update(of=("self",))
        .select_related("merchant")
        .first()
    )


def take_in(*, case: RecoveryCase, invoice: InvoiceFacts, now: dt.datetime) -> None:
    """Bring a locked case up to what a fresh read shows.

    While a worker is in the middle of a charge only the tries are kept: the outcome of our own
    attempt is written from the call's answer, by that worker or by the one that settles it.
    """
    tries = tries_of(case)
    if _is_overtaken(tries, invoice):
        return
    case.checked_at = now
    attempt = case.attempts.unsettled().first()
    if attempt is not None:
        if settle_by_evidence(attempt=attempt, invoice=invoice, now=now):
            tries = tries_of(case)  # one of them is ours now
        if attempt.status in (Attempt.Status.RUNNING, Attempt.Status.UNKNOWN):
            case.decide_by = now + LOOK_AGAIN
            case.save()
            return
    note_failures(case, tries)
    end = end_of(invoice, case)
    if end is not None and (case.status == OPEN or _was_paid_after_all(case, end)):
        close_case(
            case=case,
            status=end[0],
            reason=end[1],
            at=_ended_at(invoice, now),
            now=now,
            invoice=invoice,
        )
        return
    given_up_at = when_given_up(case=case, invoice=invoice, now=now)
    if given_up_at is not None and end is None:
        close_case(
            case=case,
            status=RecoveryCase.Status.LOST,
            reason=RecoveryCase.EndReason.TRIES_USED_UP,
            at=given_up_at,
            now=now,
        )
        return
    if end is None and case.status == RecoveryCase.Status.RECOVERED and invoice.status == "open":
        reopen_case(case=case, now=now, text="The payment was taken back by the bank.")
    if case.status != OPEN:
        case.save()
        return
    case.amount_due_minor = invoice.amount_remaining.minor
    takeover.notice(case=case, invoice=invoice, now=now)
    _note_uncharged_schedule(case=case, tries=tries, invoice=invoice, now=now)
    if case.engine != RecoveryCase.Engine.STRIPE:
        hold_if_customer_cancels(case=case, invoice=invoice, now=now)
    plan_case(case=case, invoice=invoice, now=now, tries=tries)


def _is_overtaken(tries: Sequence[Try], invoice: InvoiceFacts) -> bool:
    """Tell a read that was asked before a charge succeeded that we know of, but came after it."""
    shown = {one.charge_id for one in invoice.tries}
    return any(
        one.status == Try.Status.SUCCEEDED and one.stripe_charge_id not in shown for one in tries
    )


def refresh_case(*, merchant: Merchant, invoice_id: str, now: dt.datetime) -> RecoveryCase | None:
    """Read an invoice and take it in. One call; no transaction is open over it.

    Raises:
        GatewayError: Stripe could not be asked; nothing changed.
    """
    invoice = gateway.read_invoice(account=merchant, invoice_id=invoice_id)
    return observe_invoice(merchant=merchant, invoice=invoice, now=now)


def cases_to_read(*, now: dt.datetime, limit: int = 100) -> list[RecoveryCase]:
    """Give the open cases whose time to decide has come, each to one caller.

    Webhooks may be lost, and waiting for a customer ends by itself: whoever takes these has their
    invoices read again, and the read decides. A case that is not read comes back later.
    """
    with transaction.atomic(durable=True):
        due = list(
            RecoveryCase.objects.open()
            .filter(decide_by__lte=now)
            .exclude(next_step=RecoveryCase.Step.FINAL_ACTION)
            .select_for_update(of=("self",), skip_locked=True)
            .select_related("merchant")
            .order_by("decide_by")[:limit]
        )
        RecoveryCase.objects.filter(pk__in=[case.pk for case in due]).update(
            decide_by=now + READ_AGAIN
        )
    return due


def _open_case(
    *, merchant: Merchant, invoice: InvoiceFacts, now: dt.datetime, source: str
) -> RecoveryCase | None:
    is_import = source == RecoveryCase.Source.IMPORT
    if invoice.status == "void" and not is_import:
        return None  # closed before anybody looked: nothing is owed, nobody is written to
    seen_at = invoice.created_at if is_import else now
    failed_at = first_failure(merchant=merchant, invoice=invoice, now=seen_at)
    if failed_at is None:
        return None
    rules = OBSERVE if is_import else rules_for(merchant, segment_facts(invoice, now=now))
    ours = rules.engine == "recoup"
    subscription = invoice.subscription
    is_history = is_import and invoice.status != "open"
    # Two readers may open the same case at once: the constraint lets one row in, both lock it.
    _, created = RecoveryCase.objects.get_or_create(
        merchant=merchant,
        stripe_invoice_id=invoice.id,
        defaults={
            "stripe_subscription_id": invoice.subscription_id,
            "stripe_customer_id": invoice.customer_id,
            "stripe_product_id": invoice.product_id,
            "offer_name": invoice.offer_name,
            "kind": _kind(invoice),
            "amount_due_minor": invoice.amount_remaining.minor or invoice.amount_due.minor,
            "currency": invoice.amount_due.currency,
            "source": source,
            "failed_at": failed_at,
            "opened_at": failed_at if is_import else now,
            "billing_date_before": (
                subscription.current_period_end if subscription and not is_history else None
            ),
            "engine": RecoveryCase.Engine(rules.engine),
            "rules": rules.to_json(),
            "segment": segment_facts(invoice, now=now).to_json() if is_import else {},
            "takeover": (
                RecoveryCase.Takeover.WANTED
                if ours and invoice.status == "open"
                else RecoveryCase.Takeover.NONE
            ),
        },
    )
    case = lock_case(merchant=merchant, invoice_id=invoice.id)
    assert case is not None  # noqa: S101 - it was made or found above, in this transaction
    if created:
        who = RecoveryCase.Engine(rules.engine).label
        words = f"Payment failed. {who}, by the rules “{rules_in_words(rules)}”."
        if is_import:
            words = "Payment failed. Brought in from Stripe, where it was retried."
        append_event(
            case=case,
            kind=CaseEvent.Kind.OPENED,
            key="opened",
            at=failed_at,
            text=words,
            data={
                "engine": case.engine,
                "rules": rules.name,
                "policy": rules.policy,
                "counts_as_failure": not invoice.requires_action,
            },
        )
    return case


def first_failure(
    *, merchant: Merchant, invoice: InvoiceFacts, now: dt.datetime
) -> dt.datetime | None:
    """Say when an automatically collected invoice first failed; None if there is no case in it.

    A first purchase that fails (`incomplete`) is none: nobody has bought anything yet.
    """
    subscription = invoice.subscription
    if invoice.collection_method != "charge_automatically" or invoice.status == "draft":
        return None
    if invoice.billing_reason == "subscription_create" and (
        subscription is None or subscription.status in FIRST_PURCHASE or invoice.status == "paid"
    ):
        return None
    failed_at = (
        Try.objects.for_merchant(merchant)
        .filter(stripe_invoice_id=invoice.id, status=Try.Status.FAILED)
        .order_by("at")
        .values_list("at", flat=True)
        .first()
    )
    if failed_at is not None:
        return failed_at
    if invoice.status == "open" and not invoice.processing and invoice.attempt_count > 0:
        return now  # no charge was made: no method, or the customer must confirm
    return None


def _kind(invoice: InvoiceFacts) -> RecoveryCase.Kind:
    if invoice.subscription is not None and invoice.subscription.installments_total:
        return RecoveryCase.Kind.PAYMENT_PLAN
    if invoice.subscription_id:
        return RecoveryCase.Kind.SUBSCRIPTION
    return RecoveryCase.Kind.ONE_OFF


def _was_paid_after_all(
    case: RecoveryCase, end: tuple[RecoveryCase.Status, RecoveryCase.EndReason]
) -> bool:
    return end[0] == RecoveryCase.Status.RECOVERED and case.status != RecoveryCase.Status.RECOVERED


def _ended_at(invoice: InvoiceFacts, now: dt.datetime) -> dt.datetime:
    """Say when an invoice ended by what Stripe dates; `now` where it dates nothing."""
    if invoice.status == "open":
        subscription = invoice.subscription
        ended_at = (subscription.ended_at or subscription.canceled_at) if subscription else None
    else:
        ended_at = invoice.paid_at if invoice.status == "paid" else invoice.given_up_at
    return min(ended_at, now) if ended_at else now


def _note_uncharged_schedule(
    *, case: RecoveryCase, tries: Sequence[Try], invoice: InvoiceFacts, now: dt.datetime
) -> None:
    """Say so when Stripe's counter rose without a charge: it is no decline anywhere."""
    charged = max(sum(one.attempt is None for one in tries), 1)
    if invoice.attempt_count <= charged:
        return
    known = case.events.filter(kind=CaseEvent.Kind.STRIPE_SCHEDULED).count()
    for count in range(charged + known + 1, invoice.attempt_count + 1):
        append_event(
            case=case,
            kind=CaseEvent.Kind.STRIPE_SCHEDULED,
            key=f"stripe_scheduled:{count}",
            at=now,
            text="Stripe scheduled a try, nothing was charged.",
            data={"attempt_count": count},
        )
