"""Invoices of an import: joined with their charges, observed in silence, shown as payments."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from apps.accounts.models import Merchant
from apps.analytics import services as analytics
from apps.customers.models import Customer
from apps.recovery import services as recovery
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway import listing
from apps.stripe_gateway.errors import NotFound
from apps.stripe_gateway.facts import CustomerFacts, InvoiceFacts
from apps.subscriptions import services as subscriptions
from apps.subscriptions.models import Subscription
from apps.transactions import services as transactions
from apps.transactions.models import Transaction
from apps.webhooks.models import ImportCursor, ImportedCharge, ImportRun
from apps.webhooks.pace import Pace
from apps.webhooks.services.projecting import project_invoice_read

SHELF = "shelf"
IMPORT = RecoveryCase.Source.IMPORT


def bring_in_one(*, run: ImportRun, invoice_id: str, now: dt.datetime, pace: Pace) -> None:
    """Read one invoice whole, as for a live event, and take it in silently. Two calls."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        read_at = cursor.fetchone()[0]
    pace.wait()
    pace.wait()
    try:
        invoice = gateway.read_invoice(account=run.merchant, invoice_id=invoice_id)
    except NotFound:
        return  # deleted since it was listed
    project_invoice_read(
        merchant=run.merchant, invoice=invoice, read_at=read_at, now=now, source=IMPORT
    )


def fill_shelf(
    *, run: ImportRun, down_to: dt.datetime | None, pace: Pace, pages: int | None = None
) -> bool:
    """Read charges ahead until they are older than `down_to`; None: all of them.

    A charge comes after its invoice, so that going back in time its charges are met first. With
    `pages` it stops after so many. Answers whether it got that far.
    """
    cursor, _ = ImportCursor.objects.get_or_create(run=run, phase=SHELF)
    while not cursor.is_finished and (
        down_to is None or cursor.reached_at is None or cursor.reached_at >= down_to
    ):
        if pages == 0:
            return False
        pace.wait()
        page = listing.list_charges(account=run.merchant, after=cursor.after, since=run.since)
        ImportedCharge.objects.bulk_create(
            [
                ImportedCharge(
                    run=run,
                    stripe_charge_id=one.id,
                    stripe_payment_intent_id=one.payment_intent_id,
                    stripe_invoice_id=one.invoice_id,
                    charged_at=one.created_at,
                    answer=one.answer,
                )
                for one in page.rows
            ],
            ignore_conflicts=True,
        )
        cursor.after, cursor.is_finished = page.after, not page.after
        cursor.reached_at = page.reached or cursor.reached_at
        cursor.done += len(page.rows)
        cursor.save()
        pages = None if pages is None else pages - 1
    return True


def bring_in_page(
    *,
    run: ImportRun,
    rows: Sequence[listing.ListedInvoice],
    read_at: dt.datetime,
    now: dt.datetime,
    pace: Pace,
) -> QuerySet[ImportedCharge]:
    """Take in a page of invoices; gives the charges on the shelf that belong to them.

    What was read later than the page stays as it is, and what is open is left to the readers of
    live events, once it was read at all. An invoice whose paying charge is not on the shelf was
    paid while we listed, or before `since`: it is read alone.
    """
    merchant = run.merchant
    shelf = _charges_of(run, rows)
    on_shelf: dict[str, list[ImportedCharge]] = defaultdict(list)
    for charge in shelf.order_by("-charged_at", "-id"):
        on_shelf[charge.stripe_payment_intent_id or charge.stripe_invoice_id].append(charge)
    stored = dict(
        Transaction.objects.for_merchant(merchant)
        .filter(stripe_id__in=[one.id for one in rows])
        .values_list("stripe_id", "read_at")
    )
    joined: list[tuple[listing.ListedInvoice, list[Any]]] = []
    for one in rows:
        is_newer_here = one.id in stored and (one.status == "open" or stored[one.id] > read_at)
        if one.status == "draft" or is_newer_here:
            continue
        charges = [c for intent in one.payment_intent_ids for c in on_shelf[intent]]
        charges += on_shelf[one.id]
        if one.status == "open" or not _is_complete(one, charges):
            bring_in_one(run=run, invoice_id=one.id, now=now, pace=pace)
        else:
            joined.append((one, [charge.answer for charge in charges]))
    _take_in(merchant, joined, read_at=read_at, now=now)
    return shelf


def _charges_of(run: ImportRun, rows: Sequence[listing.ListedInvoice]) -> QuerySet[ImportedCharge]:
    intents = [intent for one in rows for intent in one.payment_intent_ids]
    return run.shelf.filter(
        Q(stripe_payment_intent_id__in=intents) | Q(stripe_invoice_id__in=[one.id for one in rows])
    )


def _is_complete(one: listing.ListedInvoice, charges: Iterable[ImportedCharge]) -> bool:
    paid = {c.stripe_payment_intent_id for c in charges if c.answer.get("status") == "succeeded"}
    return paid.issuperset(one.paying_intent_ids)


def _take_in(
    merchant: Merchant,
    joined: Sequence[tuple[listing.ListedInvoice, list[Any]]],
    *,
    read_at: dt.datetime,
    now: dt.datetime,
) -> None:
    found = listing.facts_of_invoices(account=merchant, listed=joined)
    touched: set[str] = set()
    moments: list[dt.datetime | None] = []
    for invoice in with_what_we_know(merchant=merchant, invoices=found):
        case = recovery.observe_invoice(merchant=merchant, invoice=invoice, now=now, source=IMPORT)
        transactions.project_invoice(merchant=merchant, invoice=invoice, case=case, read_at=read_at)
        moments += [invoice.created_at, *(tried.at for tried in invoice.tries)]
        moments += [case.failed_at, case.closed_at] if case is not None else []
        subscription = invoice.subscription
        if case is not None or (subscription is not None and subscription.installments_total):
            touched.add(invoice.subscription_id)
    for subscription_id in touched - {""}:
        subscriptions.refresh_subscription(merchant=merchant, subscription_id=subscription_id)
    analytics.mark_moments(merchant=merchant, moments=moments)


def with_what_we_know(
    *, merchant: Merchant, invoices: Sequence[InvoiceFacts]
) -> list[InvoiceFacts]:
    """Add to invoices what our rows say: their payer as of now, and that it is a payment plan."""
    customers = {
        row.stripe_customer_id: CustomerFacts(
            id=row.stripe_customer_id, name=row.name, email=row.email, country=row.country
        )
        for row in Customer.objects.for_merchant(merchant).filter(
            stripe_customer_id__in={one.customer_id for one in invoices}
        )
    }
    plans = dict(
        Subscription.objects.for_merchant(merchant)
        .filter(
            stripe_subscription_id__in={one.subscription_id for one in invoices},
            installments_total__isnull=False,
        )
        .values_list("stripe_subscription_id", "installments_total")
    )
    return [
        replace(
            one,
            customer=customers.get(one.customer_id) or one.customer,
            subscription=replace(
                one.subscription,
                installments_total=one.subscription.installments_total
                or plans.get(one.subscription_id),
            )
            if one.subscription
            else None,
        )
        for one in invoices
    ]
