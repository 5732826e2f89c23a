"""Mails about invoices that customers pay by hand: planned from what was read, checked at Stripe."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db.models import Min

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.dunning.mails.chase import Silence, Write
from apps.dunning.mails.facts import Sent
from apps.dunning.mails.invoices import SentInvoice, next_invoice_mail
from apps.dunning.mails.kinds import OF_INVOICES, MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning_emails.composing import first_name, look_of, words_of
from apps.dunning_emails.facts import address_state, rules_of, settings_of, to_person
from apps.dunning_emails.models import Mail, MailTemplate
from apps.dunning_emails.rendering import Rendered, render_mail
from apps.dunning_emails.services.planning import drop
from apps.dunning_emails.services.stopping import stop_url
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.facts import InvoiceFacts
from apps.transactions.models import Transaction
from apps.web.formats import format_date, format_money

Status = Mail.Status


def about_invoice(invoice_id: str) -> str:
    """Name an invoice in the outbox."""
    return f"invoice:{invoice_id}"


def plan_invoices(*, now: dt.datetime) -> int:
    """Look at the open sent invoices of all merchants who write about them; how many were planned.

    A net under `plan_invoice`, which is called at each read of an invoice: what was switched on or
    moved since is planned here. Repeats add nothing.
    """
    count = 0
    wanted = MailTemplate.objects.filter(kind__in=OF_INVOICES, on_since__isnull=False)
    for merchant_id, since in wanted.values_list("merchant").annotate(Min("on_since")).order_by():
        merchant = Merchant.objects.get(pk=merchant_id)
        rules = rules_of(merchant)
        planned = Mail.objects.for_merchant(merchant).filter(
            kind__in=OF_INVOICES, status__in=(Status.SCHEDULED, Status.SENDING)
        )
        waiting = set(planned.values_list("about", flat=True))
        rows = Transaction.objects.for_merchant(merchant).sent_and_open()
        for row in rows.filter(finalized_at__gte=since).select_related("merchant"):
            if about_invoice(row.stripe_invoice_id) not in waiting:
                count += plan_invoice(row=row, now=now, rules=rules) is not None
    return count


def plan_invoice(
    *, row: Transaction, now: dt.datetime, rules: MailRules | None = None
) -> Mail | None:
    """Plan the next mail about an invoice as last read, move it, or drop what was planned."""
    rules = rules or rules_of(row.merchant)
    if not any(kind in rules.on for kind in OF_INVOICES):
        return None
    planned = Mail.objects.for_merchant(row.merchant).filter(
        about=about_invoice(row.stripe_invoice_id), status=Status.SCHEDULED, kind__in=OF_INVOICES
    )
    decision = next_invoice_mail(invoice=_as_stored(row, now), rules=rules, now=now)
    if isinstance(decision, Silence):
        drop(planned, why=decision.text)
        return None
    drop(planned.exclude(step=decision.step.name), why="Another email goes first.")
    return _write(row, decision)


def plan_after(*, mail: Mail, now: dt.datetime) -> None:
    """Plan what follows a mail about an invoice that went out, or gave way."""
    row = (
        Transaction.objects.for_merchant(mail.merchant)
        .filter(stripe_id=mail.data["invoice"])
        .select_related("merchant")
        .first()
    )
    if row is not None:
        plan_invoice(row=row, now=now)


def compose(*, mail: Mail, now: dt.datetime) -> tuple[str, Rendered] | Write | Silence:
    """Read the invoice at Stripe, decide again, and put the mail together with its address.

    Else it answers what speaks against sending it now.

    Raises:
        GatewayError: Stripe could not be asked whether it is paid.
    """
    invoice = gateway.read_invoice(account=mail.merchant, invoice_id=str(mail.data["invoice"]))
    customer = _customer(mail.merchant, mail.person)
    known = _as_read(invoice, merchant=mail.merchant, customer=customer, now=now)
    decision = next_invoice_mail(invoice=known, rules=rules_of(mail.merchant), now=now)
    if isinstance(decision, Silence) or decision.step.name != mail.step or decision.at > now:
        return decision
    if customer is None:
        return Silence("no_address", "The customer has no email address.")
    settings = settings_of(mail.merchant)
    rendered = render_mail(
        words=words_of(merchant_id=mail.merchant_id, kind=MailKind(mail.kind)),
        values=_values(invoice, mail.merchant, customer, now=now)
        | {"store": settings.sender_name or mail.merchant.name},
        look=look_of(settings),
        url=invoice.hosted_invoice_url,
        stop_url=stop_url(mail),
    )
    return customer.email, rendered


def _values(
    invoice: InvoiceFacts, merchant: Merchant, customer: Customer, *, now: dt.datetime
) -> dict[str, str]:
    zone = ZoneInfo(customer.time_zone or merchant.time_zone)
    day = ""
    if invoice.due_at is not None:
        day = format_date(invoice.due_at, zone=zone, locale=merchant.locale, now=now)
    return {
        "first_name": first_name(customer),
        "amount": format_money(invoice.amount_remaining, locale=merchant.locale),
        "offer": invoice.offer_name or invoice.description or "your purchase",
        "invoice": invoice.number or invoice.id,
        "date": day,
        "due": _due(invoice.due_at, day=day, zone=zone, now=now),
    }


def _due(at: dt.datetime | None, *, day: str, zone: ZoneInfo, now: dt.datetime) -> str:
    if at is None:
        return "due now"
    due_on, today = at.astimezone(zone).date(), now.astimezone(zone).date()
    if due_on == today:
        return "due today"
    return f"due on {day}" if today < due_on else f"due since {day}"


def _as_stored(row: Transaction, now: dt.datetime) -> SentInvoice:
    customer = _customer(row.merchant, row.stripe_customer_id)
    return SentInvoice(
        finalized_at=row.finalized_at or row.at,
        due_at=row.due_at,
        zone=_zone(row.merchant, customer),
        status=row.invoice_status,
        is_sent=row.is_sent,
        is_processing=row.is_processing,
        remaining_minor=row.amount_remaining_minor,
        sent=_sent(row.merchant, row.stripe_invoice_id),
        to_person=to_person(merchant=row.merchant, person=row.stripe_customer_id, now=now),
        address=address_state(merchant=row.merchant, customer=customer),
    )


def _as_read(
    invoice: InvoiceFacts, *, merchant: Merchant, customer: Customer | None, now: dt.datetime
) -> SentInvoice:
    return SentInvoice(
        finalized_at=invoice.finalized_at or invoice.created_at,
        due_at=invoice.due_at,
        zone=_zone(merchant, customer),
        status=invoice.status,
        is_sent=invoice.collection_method == "send_invoice",
        is_processing=invoice.processing,
        remaining_minor=invoice.amount_remaining.minor,
        sent=_sent(merchant, invoice.id),
        to_person=to_person(merchant=merchant, person=invoice.customer_id, now=now),
        address=address_state(merchant=merchant, customer=customer),
    )


def _customer(merchant: Merchant, customer_id: str) -> Customer | None:
    return Customer.objects.for_merchant(merchant).filter(stripe_customer_id=customer_id).first()


def _zone(merchant: Merchant, customer: Customer | None) -> str:
    return (customer.time_zone if customer else "") or merchant.time_zone


def _sent(merchant: Merchant, invoice_id: str) -> tuple[Sent, ...]:
    rows = Mail.objects.for_merchant(merchant).filter(
        about=about_invoice(invoice_id), status__in=Mail.GONE
    )
    return tuple(Sent(row.step, row.sent_at) for row in rows if row.sent_at is not None)


def _write(row: Transaction, decision: Write) -> Mail | None:
    """Put a decided mail into the outbox, or move it there; None if it is gone already."""
    mail, created = Mail.objects.get_or_create(
        merchant=row.merchant,
        about=about_invoice(row.stripe_invoice_id),
        step=decision.step.name,
        person=row.stripe_customer_id,
        defaults={
            "case": RecoveryCase.objects.for_merchant(row.merchant)
            .filter(stripe_invoice_id=row.stripe_invoice_id)
            .first(),
            "kind": decision.step.kind.value,
            "due_at": decision.at,
            "why": decision.why,
            "data": {"invoice": row.stripe_invoice_id},
        },
    )
    if created:
        return mail
    # Only what has not left may be moved; the row's own status decides, not what was read.
    moved = Mail.objects.filter(pk=mail.pk, status__in=(Status.SCHEDULED, Status.DROPPED))
    changed = moved.update(status=Status.SCHEDULED, due_at=decision.at, why=decision.why)
    return mail if changed else None
