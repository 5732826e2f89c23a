"""The columns of a transactions export."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext_lazy as _

from apps.dunning.money import Money, to_decimal
from apps.transactions.models import Transaction
from apps.web.badges import badge_of
from apps.web.csv import Cell

HEADER = (
    _("Amount"),
    _("Amount (smallest unit)"),
    _("Currency"),
    _("Amount remaining"),
    _("Status"),
    _("Status detail"),
    _("Customer name"),
    _("Customer email"),
    _("Offer"),
    _("Decline reason"),
    _("Decline code"),
    _("Failure code"),
    _("Advice code"),
    _("Payment method"),
    _("Card brand"),
    _("Last four"),
    _("Date"),
    _("First failed"),
    _("Last try"),
    _("Paid"),
    _("Tries"),
    _("Next try"),
    _("Next try by"),
    _("Stripe goes on"),
    _("Invoice status"),
    _("Invoice number"),
    _("Stripe invoice ID"),
    _("Stripe charge ID"),
    _("Stripe payment intent ID"),
    _("Stripe subscription ID"),
    _("Stripe customer ID"),
)


def export_rows(rows: Iterable[Transaction]) -> Iterator[tuple[Cell, ...]]:
    """Yield one line per transaction, in the order of HEADER."""
    for row in rows:
        yield (
            to_decimal(row.amount),
            row.amount_minor,
            row.currency.upper(),
            to_decimal(Money(row.amount_remaining_minor, row.currency)),
            str(badge_of("transaction", row.status).word),
            row.status_detail,
            row.customer_name,
            row.customer_email,
            row.offer_name,
            row.decline_words,
            row.decline_code,
            row.failure_code,
            row.advice_code,
            row.method_type,
            row.method_brand,
            row.method_last4,
            row.at,
            row.first_failed_at,
            row.last_tried_at,
            row.paid_at,
            row.tries,
            row.next_try_at,
            row.next_try_by,
            row.stripe_goes_on,
            row.invoice_status,
            row.number,
            row.stripe_invoice_id,
            row.stripe_charge_id,
            row.stripe_payment_intent_id,
            row.stripe_subscription_id,
            row.stripe_customer_id,
        )
