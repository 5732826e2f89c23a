"""Compare what is owed at Stripe with what we show, report differences, and read them again.

The net under lost events: an open invoice nobody told us about, or one closed unnoticed.
"""

import datetime as dt
import logging
from collections.abc import Iterator

from apps.accounts.models import Merchant
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway import listing
from apps.stripe_gateway.errors import GatewayError
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.webhooks.marks import Mark
from apps.webhooks.models import DirtyObject, ReconciliationReport
from apps.webhooks.pace import Pace
from apps.webhooks.services.marking import mark_dirty

logger = logging.getLogger(__name__)

Kind = DirtyObject.Kind

OPEN = "open"
PAST_DUE = "past_due"


def reconcile_all(*, now: dt.datetime, pace: Pace, repair: bool = True) -> int:
    """Compare every connected merchant and give the number of differences found."""
    return sum(
        reconcile(merchant=merchant, now=now, pace=pace, repair=repair).difference_count
        for merchant in Merchant.objects.exclude(stripe_account_id="").order_by("id")
    )


def reconcile(
    *, merchant: Merchant, now: dt.datetime, pace: Pace, repair: bool = True
) -> ReconciliationReport:
    """Compare one merchant with Stripe; with `repair` what differs is marked to be read again.

    What changed while we listed may be named as a difference; reading it again does no harm. A
    Stripe that does not answer leaves a report with its error.
    """
    report = ReconciliationReport(merchant=merchant, at=now)
    differences: dict[str, list[str]] = {}
    try:
        for kind, name, ids in _compared(merchant, pace, report):
            if ids:
                differences[name] = sorted(ids)
                if repair:
                    mark_dirty(merchant=merchant, marks=[Mark(kind, one) for one in ids], now=now)
                    report.repaired += len(ids)
    except GatewayError as error:
        report.error = str(error).replace("\x00", "")[:1000]
        logger.warning("%s was not compared with Stripe: %s", merchant, error)
    report.differences = differences
    report.save()
    if differences:
        words = ", ".join(f"{name}: {len(ids)}" for name, ids in differences.items())
        logger.warning("%s differs from Stripe: %s", merchant, words)
    return report


def _compared(
    merchant: Merchant, pace: Pace, report: ReconciliationReport
) -> Iterator[tuple[Kind, str, set[str]]]:
    theirs = {one.id: one for one in _open_invoices(merchant, pace) if one.amount_due.minor > 0}
    ours = {
        invoice_id: (remaining, count)
        for invoice_id, remaining, count in Transaction.objects.for_merchant(merchant)
        .filter(invoice_status=OPEN)
        .values_list("stripe_invoice_id", "amount_remaining_minor", "stripe_attempt_count")
    }
    cases = set(
        RecoveryCase.objects.for_merchant(merchant)
        .open()
        .values_list("stripe_invoice_id", flat=True)
    )
    report.compared += len(theirs.keys() | ours.keys() | cases)
    yield Kind.INVOICE, "open_only_at_stripe", theirs.keys() - ours.keys()
    yield Kind.INVOICE, "open_only_here", (ours.keys() | cases) - theirs.keys()
    yield (
        Kind.INVOICE,
        "another_amount_or_count",
        {
            key
            for key, one in theirs.items()
            if key in ours and ours[key] != (one.amount_remaining.minor, one.attempt_count)
        },
    )
    owing = set(_past_due(merchant, pace))
    shown = set(
        Subscription.objects.for_merchant(merchant)
        .filter(status=PAST_DUE)
        .values_list("stripe_subscription_id", flat=True)
    )
    report.compared += len(owing | shown)
    yield Kind.SUBSCRIPTION, "past_due_only_at_stripe", owing - shown
    yield Kind.SUBSCRIPTION, "past_due_only_here", shown - owing


def _open_invoices(merchant: Merchant, pace: Pace) -> Iterator[listing.OpenInvoice]:
    after = ""
    while True:
        pace.wait()
        page = listing.list_open_invoices(account=merchant, after=after)
        yield from page.rows
        after = page.after
        if not after:
            return


def _past_due(merchant: Merchant, pace: Pace) -> Iterator[str]:
    after = ""
    while True:
        pace.wait()
        page = listing.list_subscriptions(account=merchant, after=after, status=PAST_DUE)
        yield from (one.id for one in page.rows)
        after = page.after
        if not after:
            return
