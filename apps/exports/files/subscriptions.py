"""The columns of a subscriptions file."""

from django.db.models import OuterRef, Subquery
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Merchant
from apps.exports.cells import Column, amount, choice, code, moment, plain, text, words, yes
from apps.exports.files.source import Selection, Source
from apps.recovery.models import RecoveryCase
from apps.subscriptions import queries
from apps.subscriptions.columns import SUBSCRIPTIONS
from apps.subscriptions.forms import SubscriptionFilterForm
from apps.subscriptions.models import Subscription
from apps.web.spans import Locality

RETRIES = Subquery(
    RecoveryCase.objects.filter(pk=OuterRef("case_id"), merchant_id=OuterRef("merchant_id")).values(
        "retries_made"
    )[:1]
)

COLUMNS = (
    Column("customer_name", _("Customer name"), text("customer_name"), shows="customer"),
    Column("customer_email", _("Customer email"), text("customer_email"), shows="customer"),
    Column("offer", _("Offer"), text("offer_name"), shows="offer"),
    Column("kind", _("Kind"), choice("kind", Subscription.Kind.choices)),
    Column("status", _("Status"), words("subscription", "status"), shows="status"),
    Column("status_code", _("Status code"), text("status")),
    Column("amount", _("Amount"), amount("amount_minor"), shows="amount"),
    Column("amount_minor", _("Amount (smallest unit)"), plain("amount_minor")),
    Column("currency", _("Currency"), code("currency"), shows="amount"),
    Column("interval", _("Interval"), text("interval"), shows="amount"),
    Column("interval_count", _("Interval count"), plain("interval_count"), shows="amount"),
    Column("instalments", _("Instalments"), plain("installments_total"), shows="paid"),
    Column("instalments_paid", _("Instalments paid"), plain("installments_paid"), shows="paid"),
    Column("instalments_missed", _("Instalments missed"), plain("installments_missed")),
    Column("access", _("Access"), words("access", "access"), shows="access"),
    Column("access_by", _("Access set by"), text("access_by")),
    Column(
        "past_due_since",
        _("Past due since"),
        moment("past_due_since"),
        shows="past_due",
        is_time=True,
    ),
    Column("amount_due", _("Amount due"), amount("amount_due_minor"), shows="due"),
    Column("amount_due_minor", _("Amount due (smallest unit)"), plain("amount_due_minor")),
    Column(
        "invoice_status",
        _("Latest invoice"),
        words("invoice", "invoice_status"),
        shows="invoice",
    ),
    Column("retries", _("Retries made"), plain(RETRIES)),
    Column("next_try_at", _("Next try"), moment("next_try_at"), shows="status", is_time=True),
    Column(
        "next_payment_at",
        _("Next payment"),
        moment("next_payment_at"),
        shows="next_payment",
        is_time=True,
    ),
    Column("started_at", _("Started"), moment("started_at"), shows="started", is_time=True),
    Column("ends_at", _("Ends"), moment("ends_at"), shows="ends", is_time=True),
    Column("ended_at", _("Ended"), moment("ended_at"), is_time=True),
    Column("nonpayment", _("Ended for non-payment"), yes("ended_for_nonpayment")),
    Column("case_status", _("Recovery case"), words("case", "case_status")),
    Column("subscription", _("Stripe subscription ID"), text("stripe_subscription_id")),
    Column("customer", _("Stripe customer ID"), text("stripe_customer_id")),
    Column("product", _("Stripe product ID"), text("stripe_product_id")),
)


def read(merchant: Merchant, query: QueryDict, local: Locality) -> Selection:
    """Read the list as its page does."""
    offered = queries.filter_choices(merchant=merchant)
    form = SubscriptionFilterForm(query, local=local, offered=offered)
    rows = queries.filtered(merchant=merchant, filters=form.filters())
    return Selection(form, queries.ordered(rows, sort=form.sort_key))


SOURCE = Source(SUBSCRIPTIONS, _("Subscriptions"), COLUMNS, read)
