"""What one page of each phase of an import does: one list call, its rows, its cursor."""

import datetime as dt
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from django.db import connection, transaction

from apps.customers import services as customers
from apps.recovery.models import Try
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway import listing
from apps.transactions import services as transactions
from apps.transactions.models import Transaction
from apps.webhooks.models import ImportCursor, ImportedCharge, ImportRun
from apps.webhooks.pace import Pace
from apps.webhooks.services.import_invoices import (
    bring_in_one,
    bring_in_page,
    fill_shelf,
)
from apps.webhooks.services.projecting import project_agreement, project_payer

Phase = ImportRun.Phase

LONGEST_CHASE = dt.timedelta(days=62)
"""How long after its invoice a charge may come: Stripe retries for two months at most."""

LEFT_AT_ONCE = 100


def _products(run: ImportRun, cursor: ImportCursor, now: dt.datetime, pace: Pace) -> None:
    pace.wait()
    page = listing.list_products(account=run.merchant, after=cursor.after)
    _move(cursor, page)


def _open_invoices(run: ImportRun, cursor: ImportCursor, now: dt.datetime, pace: Pace) -> None:
    """Read each open invoice as live events do: cases stand before anything else is there."""
    pace.wait()
    page = listing.list_open_invoices(account=run.merchant, after=cursor.after)
    stored = set(
        Transaction.objects.for_merchant(run.merchant)
        .filter(stripe_id__in=[one.id for one in page.rows])
        .values_list("stripe_id", flat=True)
    )
    for one in page.rows:
        if one.id not in stored:
            bring_in_one(run=run, invoice_id=one.id, now=now, pace=pace)
    _move(cursor, page)


def _customers(run: ImportRun, cursor: ImportCursor, now: dt.datetime, pace: Pace) -> None:
    read_at = _database_now()
    pace.wait()
    page = listing.list_customers(account=run.merchant, after=cursor.after)
    for facts in page.rows:
        project_payer(merchant=run.merchant, facts=facts, read_at=read_at, now=now)
    _move(cursor, page)


def _subscriptions(run: ImportRun, cursor: ImportCursor, now: dt.datetime, pace: Pace) -> None:
    read_at = _database_now()
    pace.wait()
    page = listing.list_subscriptions(account=run.merchant, after=cursor.after)
    for facts in page.rows:
        if facts.default_method is not None:
            customers.project_method(
                merchant=run.merchant,
                method=facts.default_method,
                customer_id=facts.customer_id,
                read_at=read_at,
                now=now,
            )
        project_agreement(merchant=run.merchant, facts=facts, read_at=read_at)
    _move(cursor, page)


def _intents(run: ImportRun, cursor: ImportCursor, now: dt.datetime, pace: Pace) -> None:
    """Fetch for the mirror what it would else ask for one by one, and cards used before."""
    if not listing.is_mirrored():
        cursor.is_finished = True
        cursor.save()
        return
    read_at = _database_now()
    pace.wait()
    page = listing.list_payment_intents(account=run.merchant, after=cursor.after, since=run.since)
    for method, customer_id in page.rows:
        customers.project_method(
            merchant=run.merchant, method=method, customer_id=customer_id, read_at=read_at, now=now
        )
    _move(cursor, page)


def _invoices(run: ImportRun, cursor: ImportCursor, now: dt.datetime, pace: Pace) -> None:
    read_at = _database_now()
    pace.wait()
    page = listing.list_invoices(account=run.merchant, after=cursor.after, since=run.since)
    if page.reached is not None:
        fill_shelf(run=run, down_to=page.reached, pace=pace)
    used = bring_in_page(run=run, rows=page.rows, read_at=read_at, now=now, pace=pace)
    with transaction.atomic():
        used.delete()
        payments = sum(one.status != "draft" for one in page.rows)
        _move(cursor, page, done=payments, about=True)


def _charges(run: ImportRun, cursor: ImportCursor, now: dt.datetime, pace: Pace) -> None:
    """Bring in what no invoice took from the shelf: payments without one."""
    if not fill_shelf(run=run, down_to=None, pace=pace, pages=1):
        return
    read_at = _database_now()
    left = list(run.shelf.order_by("-charged_at", "id")[:LEFT_AT_ONCE])
    ids = [one.stripe_charge_id for one in left]
    known = set(
        Try.objects.for_merchant(run.merchant)
        .filter(stripe_charge_id__in=ids)
        .values_list("stripe_charge_id", flat=True)
    )
    for one in left:
        if one.stripe_charge_id not in known:
            _bring_in_charge(run, one, read_at=read_at, now=now, pace=pace)
    with transaction.atomic():
        ImportedCharge.objects.filter(pk__in=[one.pk for one in left]).delete()
        cursor.done += len(left)
        cursor.is_finished = not run.shelf.exists()
        cursor.save()


def _bring_in_charge(
    run: ImportRun, one: ImportedCharge, *, read_at: dt.datetime, now: dt.datetime, pace: Pace
) -> None:
    """Show a charge without an invoice. One whose invoice may lie outside the pages is asked about.

    Those are: an invoice before `since`, and one that came while we listed.
    """
    intent_id = one.stripe_payment_intent_id
    is_at_the_edge = one.charged_at >= run.started_at - dt.timedelta(hours=1) or (
        run.since is not None and one.charged_at < run.since + LONGEST_CHASE
    )
    invoice_id = one.stripe_invoice_id
    if not invoice_id and intent_id and is_at_the_edge:
        pace.wait()
        invoice_id = gateway.invoice_of_payment_intent(
            account=run.merchant, payment_intent_id=intent_id
        )
    if invoice_id:
        bring_in_one(run=run, invoice_id=invoice_id, now=now, pace=pace)
        return
    facts = listing.facts_of_charge(one.answer)
    transactions.project_charge(merchant=run.merchant, charge=facts, read_at=read_at)


def _move(
    cursor: ImportCursor,
    page: listing.Page[Any],
    *,
    done: int | None = None,
    about: bool = False,
) -> None:
    """Move a cursor past a page that is stored."""
    cursor.done += len(page.rows) if done is None else done
    cursor.reached_at = page.reached or cursor.reached_at
    cursor.after = page.after
    cursor.is_finished = not page.after
    cursor.about = cursor.done if cursor.is_finished else (_about(cursor) if about else 0)
    cursor.save()


def _about(cursor: ImportCursor) -> int:
    """Estimate how many there will be: as many a day as so far, back to the first customer."""
    run = cursor.run
    first = run.since or (
        run.cursors.filter(phase=Phase.CUSTOMERS).values_list("reached_at", flat=True).first()
    )
    if first is None or cursor.reached_at is None or cursor.reached_at >= run.started_at:
        return 0
    share = (run.started_at - cursor.reached_at) / max(
        run.started_at - first, run.started_at - cursor.reached_at
    )
    total = cursor.done / share
    digits = max(len(str(int(total))) - 2, 0)
    return max(cursor.done, int(round(total, -digits)))


def _database_now() -> dt.datetime:
    """Give real time by the database's clock, as every read is dated."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: dt.datetime = cursor.fetchone()[0]
    return moment


PAGES: Mapping[Phase, Callable[[ImportRun, ImportCursor, dt.datetime, Pace], None]] = (
    MappingProxyType(
        {
            Phase.PRODUCTS: _products,
            Phase.OPEN_INVOICES: _open_invoices,
            Phase.CUSTOMERS: _customers,
            Phase.SUBSCRIPTIONS: _subscriptions,
            Phase.INTENTS: _intents,
            Phase.INVOICES: _invoices,
            Phase.CHARGES: _charges,
        }
    )
)
