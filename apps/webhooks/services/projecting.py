"""One read of Stripe, and everything it says, written to our tables."""

import datetime as dt
from collections.abc import Iterable

from django.db.models import Q

from apps.accounts.models import Merchant
from apps.analytics import services as analytics
from apps.customers import services as customers
from apps.dunning.facts import Method
from apps.dunning_emails import services as dunning_emails
from apps.recovery import services as recovery
from apps.recovery.models import RecoveryCase, Try
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.facts import CustomerFacts, InvoiceFacts, SubscriptionFacts
from apps.subscriptions import services as subscriptions
from apps.transactions import services as transactions
from apps.webhooks.marks import Mark
from apps.webhooks.models import DirtyObject
from apps.webhooks.services.marking import mark_dirty

Kind = DirtyObject.Kind

ENDED = ("canceled", "unpaid", "paused", "incomplete_expired")
OWED = ("past_due", "unpaid")


def read_and_project(*, row: DirtyObject, now: dt.datetime) -> None:
    """Read one leased object and bring every table up to the answer.

    `now` is business time at the moment of asking. Repeating it changes nothing.

    Raises:
        GatewayError: Stripe gave no usable answer; what was not written yet stays as it was.
    """
    {
        Kind.INVOICE: _invoice,
        Kind.SUBSCRIPTION: _subscription,
        Kind.CUSTOMER: _customer,
        Kind.CHARGE: _charge,
        Kind.PAYMENT_INTENT: _payment_intent,
        Kind.PAYMENT_METHOD: _payment_method,
    }[Kind(row.kind)](row, now)


def project_invoice_read(
    *,
    merchant: Merchant,
    invoice: InvoiceFacts,
    read_at: dt.datetime,
    now: dt.datetime,
    source: str = "live",
) -> RecoveryCase | None:
    """Write everything one invoice read says: payer, methods, subscription, case, payment.

    `read_at` is when it was asked for, by the database's clock; `now` is business time.
    """
    if transactions.was_read_later(merchant=merchant, invoice_id=invoice.id, read_at=read_at):
        return None  # another worker asked after us and wrote first: ours is history
    method, subscription = invoice.method, invoice.subscription
    if invoice.customer is not None:
        project_payer(
            merchant=merchant,
            facts=invoice.customer,
            read_at=read_at,
            now=now,
            card_country=method.country if method else "",
        )
    for one in methods_beside_the_customers(invoice):
        customers.project_method(
            merchant=merchant,
            method=one,
            customer_id=invoice.customer_id,
            read_at=read_at,
            now=now,
        )
    if subscription is not None:
        project_agreement(merchant=merchant, facts=subscription, read_at=read_at)
    case = recovery.observe_invoice(merchant=merchant, invoice=invoice, now=now, source=source)
    payment = transactions.project_invoice(
        merchant=merchant, invoice=invoice, case=case, read_at=read_at
    )
    if payment is not None and payment.is_sent and source != RecoveryCase.Source.IMPORT:
        dunning_emails.plan_invoice(row=payment, now=now)
    moments = [payment.at, invoice.created_at] if payment is not None else []
    if case is not None:
        analytics.mark_case(case=case, also=moments)
    else:
        analytics.mark_moments(merchant=merchant, moments=moments)
    if invoice.subscription_id and (
        case is not None or (subscription is not None and subscription.installments_total)
    ):
        subscriptions.refresh_subscription(
            merchant=merchant, subscription_id=invoice.subscription_id
        )
    return case


def project_agreement(
    *, merchant: Merchant, facts: SubscriptionFacts, read_at: dt.datetime
) -> None:
    """Write a subscription or payment plan; the day it ended is counted anew."""
    row = subscriptions.project_subscription(merchant=merchant, facts=facts, read_at=read_at)
    analytics.mark_moments(merchant=merchant, moments=[row.ended_at])


def project_payer(
    *,
    merchant: Merchant,
    facts: CustomerFacts,
    read_at: dt.datetime,
    now: dt.datetime,
    card_country: str = "",
) -> None:
    """Write a customer; a new name or email shows on all their rows, whatever was read last."""
    before = customers.name_and_email(merchant=merchant, customer_id=facts.id)
    customers.project_customer(
        merchant=merchant, facts=facts, read_at=read_at, now=now, card_country=card_country
    )
    if before is None or facts.is_deleted or before == (facts.name[:512], facts.email[:512]):
        return
    written = customers.name_and_email(merchant=merchant, customer_id=facts.id)
    if written is not None and written != before:
        name, email = written
        for show in (subscriptions.show_customer, transactions.show_customer):
            show(merchant=merchant, customer_id=facts.id, name=name, email=email)


def methods_beside_the_customers(invoice: InvoiceFacts) -> list[Method]:
    """List the methods an answer shows, once each, but for the one kept with the customer."""
    customer, subscription = invoice.customer, invoice.subscription
    shown = (invoice.method, subscription.default_method if subscription else None)
    kept = customer.default_method if customer else None
    found = {method.reference: method for method in shown if method is not None}
    if kept is not None:
        found.pop(kept.reference, None)
    return list(found.values())


def _invoice(row: DirtyObject, now: dt.datetime) -> None:
    invoice = gateway.read_invoice(account=row.merchant, invoice_id=row.stripe_id)
    case = project_invoice_read(
        merchant=row.merchant, invoice=invoice, read_at=_asked_at(row), now=now
    )
    if case is not None and case.kind == RecoveryCase.Kind.PAYMENT_PLAN:
        _let_the_next_instalment_go(case, now)
    _note_money_back(row, now, customer_id=invoice.customer_id, invoice=invoice)
    _cover(row=row, invoice=invoice, now=now)


def _let_the_next_instalment_go(case: RecoveryCase, now: dt.datetime) -> None:
    """Read the instalments again that waited for one that is settled now."""
    if case.status != RecoveryCase.Status.OPEN:
        _look_at_cases(
            case.merchant,
            now,
            stripe_subscription_id=case.stripe_subscription_id,
            status=RecoveryCase.Status.OPEN,
            next_step=RecoveryCase.Step.NOTHING,
        )


def _cover(*, row: DirtyObject, invoice: InvoiceFacts, now: dt.datetime) -> None:
    """Clear the marks, set before this read, of what the invoice's answer showed as well.

    Not those that say that the method changed: they concern the customer's other invoices too.
    """
    shown = Q(kind=Kind.CUSTOMER, stripe_id=invoice.customer_id)
    if invoice.subscription is not None:
        shown |= Q(kind=Kind.SUBSCRIPTION, stripe_id=invoice.subscription.id)
    charges = [tried.charge_id for tried in invoice.tries]
    intents = {tried.payment_intent_id for tried in invoice.tries} - {""}
    shown |= Q(kind=Kind.CHARGE, stripe_id__in=charges)
    shown |= Q(kind=Kind.PAYMENT_INTENT, stripe_id__in=intents)
    covered = (
        DirtyObject.objects.unleased()
        .filter(shown, merchant=row.merchant, touched_at__lt=_asked_at(row))
        .exclude(hint__has_key="method_changed")
    )
    kinds = set(covered.values_list("kind", flat=True))
    if not kinds:
        return
    covered.delete()
    if Kind.SUBSCRIPTION in kinds and invoice.subscription is not None:
        _look_at_subscription(row.merchant, invoice.subscription, now, except_for=invoice.id)


def _subscription(row: DirtyObject, now: dt.datetime) -> None:
    facts = gateway.read_subscription(account=row.merchant, subscription_id=row.stripe_id)
    if facts.default_method is not None:
        customers.project_method(
            merchant=row.merchant,
            method=facts.default_method,
            customer_id=facts.customer_id,
            read_at=_asked_at(row),
            now=now,
        )
    project_agreement(merchant=row.merchant, facts=facts, read_at=_asked_at(row))
    _look_at_subscription(row.merchant, facts, now)
    if row.hint.get("method_changed"):
        _look_at_cases(
            row.merchant, now, stripe_subscription_id=facts.id, status=RecoveryCase.Status.OPEN
        )


def _look_at_subscription(
    merchant: Merchant, facts: SubscriptionFacts, now: dt.datetime, *, except_for: str = ""
) -> None:
    """Read the invoices again whose cases a subscription's end may close, or that nobody read."""
    recovery.note_bought_again(merchant=merchant, subscription=facts, now=now)
    if facts.status in ENDED or facts.cancel_at_period_end:
        _look_at_cases(
            merchant,
            now,
            except_for=except_for,
            stripe_subscription_id=facts.id,
            status=RecoveryCase.Status.OPEN,
        )
    latest = facts.latest_invoice_id
    if facts.status in OWED and latest and latest != except_for:
        is_known = RecoveryCase.objects.for_merchant(merchant).filter(stripe_invoice_id=latest)
        if not is_known.exists():
            mark_dirty(merchant=merchant, marks=[Mark(Kind.INVOICE, latest)], now=now)


def _customer(row: DirtyObject, now: dt.datetime) -> None:
    """Read a customer, or only their open invoices where those bring the customer along."""
    if row.hint.get("default_changed"):
        _collect_with(row, now, customer_id=row.stripe_id)
    if row.hint.get("method_changed") and _look_at_cases(
        row.merchant, now, stripe_customer_id=row.stripe_id, status=RecoveryCase.Status.OPEN
    ):
        return
    facts = gateway.read_customer(account=row.merchant, customer_id=row.stripe_id)
    project_payer(merchant=row.merchant, facts=facts, read_at=_asked_at(row), now=now)
    if facts.is_deleted:
        _look_at_cases(
            row.merchant, now, stripe_customer_id=row.stripe_id, status=RecoveryCase.Status.OPEN
        )


def _payment_method(row: DirtyObject, now: dt.datetime) -> None:
    method, customer_id = gateway.read_payment_method(
        account=row.merchant, payment_method_id=row.stripe_id
    )
    said = row.hint.get("changed_at")
    customers.project_method(
        merchant=row.merchant,
        method=method,
        customer_id=customer_id,
        read_at=_asked_at(row),
        now=now,
        data_changed_at=dt.datetime.fromisoformat(said) if isinstance(said, str) else None,
        by_network=bool(row.hint.get("by_network")),
    )
    if not customer_id:
        return
    if row.hint.get("given"):
        _collect_with(row, now, customer_id=customer_id, payment_method_id=row.stripe_id)
    _look_at_cases(
        row.merchant, now, stripe_customer_id=customer_id, status=RecoveryCase.Status.OPEN
    )


def _collect_with(
    row: DirtyObject, now: dt.datetime, *, customer_id: str, payment_method_id: str = ""
) -> None:
    """Put a card the customer just gave where payments failed, and charge with it at once."""
    fixed = recovery.fix_and_collect(
        merchant=row.merchant,
        stripe_customer_id=customer_id,
        payment_method_id=payment_method_id,
        now=now,
    )
    if fixed.attempt_id is not None:
        recovery.carry_out(attempt_id=fixed.attempt_id, now=now)


def _charge(row: DirtyObject, now: dt.datetime) -> None:
    """Find a charge's invoice; read the charge itself only where there is none."""
    known = Try.objects.for_merchant(row.merchant).filter(stripe_charge_id=row.stripe_id).first()
    if known is not None and known.stripe_invoice_id:
        if known.status == Try.Status.PENDING or row.hint.get("must_read"):
            _look_at_invoice(row, known.stripe_invoice_id, now)
        return
    intent_id = str(row.hint.get("payment_intent") or "")
    invoice_id = _invoice_of_intent(row.merchant, intent_id) if intent_id else ""
    if invoice_id:
        _look_at_invoice(row, invoice_id, now)
        return
    charge = gateway.read_charge(account=row.merchant, charge_id=row.stripe_id)
    if charge.invoice_id:
        _look_at_invoice(row, charge.invoice_id, now)
        return
    transactions.project_charge(merchant=row.merchant, charge=charge, read_at=_asked_at(row))
    _note_money_back(row, now, customer_id=charge.customer_id)
    # The intent has no invoice either: its own mark would only ask for that again.
    DirtyObject.objects.unleased().filter(
        merchant=row.merchant,
        kind=Kind.PAYMENT_INTENT,
        stripe_id=charge.tried.payment_intent_id,
        touched_at__lt=_asked_at(row),
    ).delete()


def _payment_intent(row: DirtyObject, now: dt.datetime) -> None:
    """Find an intent's invoice; without one its charge tells everything."""
    charge_id = str(row.hint.get("charge") or "")
    if charge_id:
        known = Try.objects.for_merchant(row.merchant).filter(stripe_charge_id=charge_id).first()
        if known is not None and known.status != Try.Status.PENDING:
            return
    invoice_id = _invoice_of_intent(row.merchant, row.stripe_id)
    if invoice_id:
        _look_at_invoice(row, invoice_id, now)


def _invoice_of_intent(merchant: Merchant, intent_id: str) -> str:
    """Name the invoice an intent pays: from a try we know, else by asking."""
    known = (
        Try.objects.for_merchant(merchant)
        .filter(stripe_payment_intent_id=intent_id)
        .exclude(stripe_invoice_id="")
        .values_list("stripe_invoice_id", flat=True)
        .first()
    )
    return known or gateway.invoice_of_payment_intent(account=merchant, payment_intent_id=intent_id)


def _look_at_invoice(row: DirtyObject, invoice_id: str, now: dt.datetime) -> None:
    """Have the invoice of a charge read, which is told if the charge's money went back."""
    hint = {name: row.hint[name] for name in ("money_back", "charge") if "money_back" in row.hint}
    mark_dirty(merchant=row.merchant, marks=[Mark(Kind.INVOICE, invoice_id, hint)], now=now)


def _note_money_back(
    row: DirtyObject, now: dt.datetime, *, customer_id: str, invoice: InvoiceFacts | None = None
) -> None:
    """Tell recovery of a dispute or refund that this mark came from."""
    what = row.hint.get("money_back")
    if what not in ("dispute", "refund") or not customer_id:
        return
    if what == "refund" and invoice is None:
        return  # a charge beside every subscription says nothing about one
    recovery.note_money_back(
        merchant=row.merchant,
        what="dispute" if what == "dispute" else "refund",
        charge_id=str(row.hint.get("charge", "")),
        customer_id=customer_id,
        invoice_id=invoice.id if invoice else "",
        subscription_id=invoice.subscription_id if invoice else "",
        now=now,
    )


def _look_at_cases(
    merchant: Merchant, now: dt.datetime, *, except_for: str = "", **which: object
) -> bool:
    """Have the invoices of some cases read again, each once however many reasons there are."""
    invoices: Iterable[str] = (
        RecoveryCase.objects.for_merchant(merchant)
        .filter(**which)
        .exclude(stripe_invoice_id=except_for)
        .values_list("stripe_invoice_id", flat=True)
    )
    marks = [Mark(Kind.INVOICE, invoice_id) for invoice_id in invoices]
    mark_dirty(merchant=merchant, marks=marks, now=now)
    return bool(marks)


def _asked_at(row: DirtyObject) -> dt.datetime:
    """Say when the read began, by the database's clock."""
    moment: dt.datetime = row.leased_at  # type: ignore[attr-defined]
    return moment
