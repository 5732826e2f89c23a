"""The columns of a transactions file."""

from django.db.models import OuterRef, Subquery
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Merchant
from apps.exports.cells import Column, amount, code, moment, plain, text, words
from apps.exports.files.source import Selection, Source
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.subscriptions.models import Subscription
from apps.transactions import queries
from apps.transactions.columns import TRANSACTIONS
from apps.transactions.forms import TransactionFilterForm
from apps.web.spans import Locality

# How the case of a payment ended well, in the words of its timeline.
RECOVERED_BY = Subquery(
    CaseEvent.objects.filter(
        case_id=OuterRef("case_id"),
        case__status=RecoveryCase.Status.RECOVERED,
        kind=CaseEvent.Kind.RECOVERED,
    )
    .order_by("-at", "-id")
    .values("text")[:1]
)

ACCESS = Subquery(
    Subscription.objects.filter(
        merchant_id=OuterRef("merchant_id"),
        stripe_subscription_id=OuterRef("stripe_subscription_id"),
    ).values("access")[:1]
)

COLUMNS = (
    Column("amount", _("Amount"), amount("amount_minor"), shows="amount"),
    Column("amount_minor", _("Amount (smallest unit)"), plain("amount_minor")),
    Column("currency", _("Currency"), code("currency"), shows="amount"),
    Column(
        "amount_remaining", _("Amount remaining"), amount("amount_remaining_minor"), shows="open"
    ),
    Column(
        "amount_remaining_minor",
        _("Amount remaining (smallest unit)"),
        plain("amount_remaining_minor"),
    ),
    Column(
        "amount_refunded_minor",
        _("Amount refunded (smallest unit)"),
        plain("amount_refunded_minor"),
    ),
    Column("status", _("Status"), words("transaction", "status"), shows="status"),
    Column("status_code", _("Status code"), text("status")),
    Column("status_detail", _("Status detail"), text("status_detail"), shows="status"),
    Column("customer_name", _("Customer name"), text("customer_name"), shows="customer"),
    Column("customer_email", _("Customer email"), text("customer_email"), shows="customer"),
    Column("offer", _("Offer"), text("offer_name"), shows="offer"),
    Column("reason", _("Decline reason"), text("decline_words"), shows="reason"),
    Column("decline_code", _("Decline code"), text("decline_code")),
    Column("failure_code", _("Failure code"), text("failure_code")),
    Column("advice_code", _("Advice code"), text("advice_code")),
    Column("method", _("Payment method"), text("method_type"), shows="method"),
    Column("brand", _("Card brand"), text("method_brand"), shows="reason"),
    Column("last4", _("Last four"), text("method_last4"), shows="reason"),
    Column("at", _("Date"), moment("at"), shows="date", is_time=True),
    Column(
        "first_failed_at",
        _("First failed"),
        moment("first_failed_at"),
        shows="first_failed",
        is_time=True,
    ),
    Column("last_tried_at", _("Last try"), moment("last_tried_at"), is_time=True),
    Column("paid_at", _("Paid"), moment("paid_at"), shows="paid", is_time=True),
    Column("tries", _("Tries"), plain("tries"), shows="tries"),
    Column("stripe_tries", _("Attempts counted by Stripe"), plain("stripe_attempt_count")),
    Column("next_try_at", _("Next try"), moment("next_try_at"), shows="status", is_time=True),
    Column("next_try_by", _("Next try by"), text("next_try_by")),
    Column("stripe_goes_on", _("Stripe goes on"), text("stripe_goes_on"), shows="stripe"),
    Column("recovered_at", _("Recovered"), moment("recovered_at"), is_time=True),
    Column("recovered_by", _("Recovered by"), text(RECOVERED_BY)),
    Column("access", _("Access"), text(ACCESS)),
    Column("invoice_status", _("Invoice status"), text("invoice_status"), shows="invoice"),
    Column("number", _("Invoice number"), text("number"), shows="number"),
    Column("invoice", _("Stripe invoice ID"), text("stripe_invoice_id")),
    Column("charge", _("Stripe charge ID"), text("stripe_charge_id")),
    Column("intent", _("Stripe payment intent ID"), text("stripe_payment_intent_id")),
    Column("subscription", _("Stripe subscription ID"), text("stripe_subscription_id")),
    Column("customer", _("Stripe customer ID"), text("stripe_customer_id")),
)


def read(merchant: Merchant, query: QueryDict, local: Locality) -> Selection:
    """Read the list as its page does."""
    offered = queries.filter_choices(merchant=merchant)
    form = TransactionFilterForm(query, local=local, offered=offered)
    rows = queries.filtered(merchant=merchant, filters=form.filters())
    return Selection(form, queries.ordered(rows, sort=form.sort_key))


SOURCE = Source(TRANSACTIONS, _("Transactions"), COLUMNS, read)
