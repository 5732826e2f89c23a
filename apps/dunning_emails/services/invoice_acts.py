"""Do at Stripe what a merchant's rules say of sent invoices: written down, read, done once, settled."""

import datetime as dt
import logging
import uuid

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from apps.accounts.models import Merchant
from apps.accounts.services import record_audit
from apps.dunning.money import Money
from apps.dunning.sent_invoices import Act, Leave, Owed, SentInvoiceRules, act_on
from apps.dunning_emails.facts import invoice_rules_of, settings_of
from apps.dunning_emails.models import EmailSettings, InvoiceAct, Mail
from apps.dunning_emails.services.invoices import about_invoice
from apps.dunning_emails.services.planning import drop
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import (
    AccessDenied,
    BadRequest,
    GatewayError,
    InvoiceNotOpen,
    NotFound,
    OutcomeUnknown,
)
from apps.stripe_gateway.facts import InvoiceFacts
from apps.transactions.models import Transaction

logger = logging.getLogger(__name__)

Status, What = InvoiceAct.Status, InvoiceAct.What

LEASE = dt.timedelta(minutes=3)
AGAIN = dt.timedelta(minutes=15)
WAIT_FOR_THE_BANK = dt.timedelta(hours=6)
WANT_AGAIN = dt.timedelta(days=1)
"""How soon what was not done may be wanted once more, if the rules still say so."""

SHOWN: dict[str, str] = {
    What.UNCOLLECTIBLE: "uncollectible",
    What.VOID: "void",
    What.CREDIT: "paid",
}
"""What Stripe shows of an invoice once it was done."""

MEMO = "The rest of this invoice was credited."


def find_acts(*, now: dt.datetime) -> int:
    """Write down what the merchants' rules ask for, from what was last read; how much was new."""
    has_rule = ~Q(invoice_end="leave") | Q(credit_up_to_minor__isnull=False)
    wanted = EmailSettings.objects.filter(
        has_rule, merchant__in=Merchant.objects.charging()
    ).select_related("merchant")
    count = 0
    for settings in wanted:
        rules = invoice_rules_of(settings)
        rows = Transaction.objects.for_merchant(settings.merchant).sent_and_open()
        for row in rows.filter(_may_apply(rules, now)).select_related("merchant"):
            decision = act_on(owed=_as_stored(row), rules=rules, now=now)
            if isinstance(decision, Act):
                count += _want(row, decision, now=now)
    return count


def acts_to_do(*, now: dt.datetime, limit: int = 100) -> list[int]:
    """Name what is due to be done; nothing of merchants for whom Recoup may not act."""
    due = InvoiceAct.objects.wanted().filter(
        look_at__lte=now, merchant__in=Merchant.objects.charging()
    )
    return list(due.order_by("look_at").values_list("pk", flat=True)[:limit])


def carry_out_act(*, act_id: int, now: dt.datetime) -> bool:
    """Read the invoice, decide again, do it, and settle it by what Stripe shows; True once settled.

    Only the worker that takes the lease goes on. A lost answer leaves it wanted: the next look reads
    first, and repeats the call only with the same key. No transaction is open over a call.
    """
    if not _claim(act_id):
        return False
    act = InvoiceAct.objects.select_related("merchant").get(pk=act_id)
    act.look_at = now + AGAIN
    try:
        if Merchant.objects.charging().filter(pk=act.merchant_id).exists():
            _carry_out(act, now=now)
    except OutcomeUnknown as error:
        logger.info("Act %s is looked at again: %s", act_id, error)
    except GatewayError as error:
        act.note = str(error)[:300]
    finally:
        act.lease_until = None
        act.save()
    return act.settled_at is not None


def _claim(act_id: int) -> bool:
    real = timezone.now()
    free = InvoiceAct.objects.wanted().filter(
        Q(lease_until=None) | Q(lease_until__lt=real), pk=act_id
    )
    return bool(free.update(lease_until=real + LEASE))


def _carry_out(act: InvoiceAct, *, now: dt.datetime) -> None:
    invoice = _read(act)
    if _is_done(act, invoice):
        _settle(act, Status.DONE, note="Done.", now=now)
        return
    rules = invoice_rules_of(settings_of(act.merchant))
    decision = act_on(owed=_as_read(invoice), rules=rules, now=now)
    if isinstance(decision, Leave) and decision.code == "processing":
        act.look_at, act.note = now + WAIT_FOR_THE_BANK, decision.text
        return
    if isinstance(decision, Leave) or decision.what != act.what:
        note = decision.text if isinstance(decision, Leave) else "Another rule goes first."
        _settle(act, Status.DROPPED, note=note, now=now)
        return
    try:
        _do(act, invoice)
    except InvoiceNotOpen:
        act.look_at = now  # paid or closed since the read: the next look says which
        return
    except (AccessDenied, BadRequest, NotFound) as error:
        _settle(act, Status.DROPPED, note=f"Stripe refused: {error}", now=now)
        _record(act, f"invoice.{act.what}_refused", now=now)
        return
    if _is_done(act, _read(act)):
        _settle(act, Status.DONE, note=decision.text, now=now)


def _read(act: InvoiceAct) -> InvoiceFacts:
    return gateway.read_invoice(account=act.merchant, invoice_id=act.stripe_invoice_id)


def _do(act: InvoiceAct, invoice: InvoiceFacts) -> None:
    key = f"recoup-invoice-{act.key}"
    if act.what == What.VOID:
        gateway.void_invoice(account=act.merchant, invoice_id=invoice.id, key=key)
    elif act.what == What.UNCOLLECTIBLE:
        gateway.mark_uncollectible(account=act.merchant, invoice_id=invoice.id, key=key)
    else:
        gateway.credit_rest(
            account=act.merchant,
            invoice_id=invoice.id,
            amount_minor=invoice.amount_remaining.minor,
            memo=MEMO,
            key=f"{key}-{invoice.amount_remaining.minor}",
        )


def _is_done(act: InvoiceAct, invoice: InvoiceFacts) -> bool:
    """Tell whether Stripe shows what was wanted; a rest that was paid after all was not credited."""
    if invoice.status != SHOWN[act.what]:
        return False
    return act.what != What.CREDIT or invoice.credited_minor > 0


def _settle(act: InvoiceAct, status: InvoiceAct.Status, *, note: str, now: dt.datetime) -> None:
    """Write down how it ended; what was done stands in Activity, and no more mail goes out."""
    act.status, act.settled_at, act.note = status, now, note[:300]
    if status != Status.DONE:
        return
    with transaction.atomic(durable=True):
        act.save()
        _record(act, f"invoice.{act.what}", now=now)
        planned = Mail.objects.for_merchant(act.merchant).filter(
            about=about_invoice(act.stripe_invoice_id), status=Mail.Status.SCHEDULED
        )
        drop(planned, why=f"The invoice: {act.get_what_display().lower()}.")


def _record(act: InvoiceAct, action: str, *, now: dt.datetime) -> None:
    record_audit(
        merchant=act.merchant,
        user=None,
        action=action,
        subject=act.stripe_invoice_id,
        at=now,
        after={"why": act.note, "amount_minor": act.amount_minor, "currency": act.currency},
    )


def _want(row: Transaction, decision: Act, *, now: dt.datetime) -> bool:
    """Commit the wish with its key; False if it is there, was done, or another is under way."""
    fresh = {
        "status": Status.WANTED,
        "amount_minor": row.amount_remaining_minor,
        "currency": row.currency,
        "wanted_at": now,
        "look_at": now,
        "settled_at": None,
        "note": decision.text,
    }
    try:
        with transaction.atomic():
            act, created = InvoiceAct.objects.get_or_create(
                merchant=row.merchant,
                stripe_invoice_id=row.stripe_invoice_id,
                what=decision.what,
                defaults={"stripe_customer_id": row.stripe_customer_id, **fresh},
            )
            if created:
                return True
            dropped = InvoiceAct.objects.filter(
                pk=act.pk, status=Status.DROPPED, settled_at__lte=now - WANT_AGAIN
            )
            return bool(dropped.update(key=uuid.uuid4(), **fresh))
    except IntegrityError:
        return False


def _may_apply(rules: SentInvoiceRules, now: dt.datetime) -> Q:
    """Select what the rules may reach; the decision looks closer."""
    found = Q(pk=None)
    if rules.end != "leave" and rules.end_since is not None:
        days = dt.timedelta(days=rules.end_days)
        found |= Q(due_at__gte=rules.end_since - days, due_at__lte=now - days)
    if rules.credit_up_to is not None and rules.credit_since is not None:
        found |= Q(
            finalized_at__gte=rules.credit_since,
            currency=rules.credit_up_to.currency,
            amount_remaining_minor__lte=rules.credit_up_to.minor,
            amount_remaining_minor__lt=F("amount_minor"),
        )
    return found


def _as_stored(row: Transaction) -> Owed:
    return Owed(
        status=row.invoice_status,
        is_sent=row.is_sent,
        is_processing=row.is_processing,
        finalized_at=row.finalized_at or row.at,
        due_at=row.due_at,
        remaining=Money(row.amount_remaining_minor, row.currency),
        paid=Money(max(row.amount_minor - row.amount_remaining_minor, 0), row.currency),
    )


def _as_read(invoice: InvoiceFacts) -> Owed:
    return Owed(
        status=invoice.status,
        is_sent=invoice.collection_method == "send_invoice",
        is_processing=invoice.processing,
        finalized_at=invoice.finalized_at or invoice.created_at,
        due_at=invoice.due_at,
        remaining=invoice.amount_remaining,
        paid=invoice.amount_paid,
    )
