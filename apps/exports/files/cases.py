"""The columns of a file of recovery cases."""

from typing import Any

from django.db.models import Case, Count, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.expressions import Expression
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.exports.cells import Column, Style, amount, choice, code, moment, plain, text, words, yes
from apps.exports.files.source import Selection, Source
from apps.recovery.columns import CASES
from apps.recovery.forms import CaseFilterForm
from apps.recovery.models import CaseEvent, RecoveryCase, Try
from apps.recovery.queries.listing import case_choices, filtered_cases
from apps.recovery.queries.tabs import NEEDS_BANK, NEEDS_CARD
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.web.badges import badge_of
from apps.web.spans import Locality

Step = RecoveryCase.Step

_CUSTOMER = Customer.objects.filter(
    merchant_id=OuterRef("merchant_id"), stripe_customer_id=OuterRef("stripe_customer_id")
)
_TRANSACTION = Transaction.objects.filter(
    merchant_id=OuterRef("merchant_id"), stripe_id=OuterRef("stripe_invoice_id")
)
_SUBSCRIPTION = Subscription.objects.filter(
    merchant_id=OuterRef("merchant_id"), stripe_subscription_id=OuterRef("stripe_subscription_id")
)
_TRIES = (
    Try.objects.filter(
        merchant_id=OuterRef("merchant_id"), stripe_invoice_id=OuterRef("stripe_invoice_id")
    )
    .order_by()
    .values("stripe_invoice_id")
)
_RECOVERED = CaseEvent.objects.filter(
    case_id=OuterRef("pk"),
    case__status=RecoveryCase.Status.RECOVERED,
    kind=CaseEvent.Kind.RECOVERED,
).order_by("-at", "-id")


def _one(rows: QuerySet[Any], name: str) -> Subquery:
    return Subquery(rows.values(name)[:1])


def _shown(style: Style) -> Expression:
    """Write the badge of the list: Retrying only where a charge will really run."""
    return Case(
        When(~Q(status=RecoveryCase.Status.OPEN), then=words("case", "status")(style)),
        When(unsettled__isnull=False, then=words("attempt", "unsettled")(style)),
        When(NEEDS_CARD, then=Value(str(badge_of("step", Step.NEW_CARD).word))),
        When(NEEDS_BANK, then=Value(str(badge_of("step", Step.AUTHENTICATION).word))),
        When(
            next_step=Step.STRIPE,
            next_try_at=None,
            then=Value(str(badge_of("transaction", "failed").word)),
        ),
        default=words("step", "next_step")(style),
        output_field=TextField(),
    )


COLUMNS = (
    Column("amount_due", _("Amount due"), amount("amount_due_minor"), shows="amount"),
    Column("amount_due_minor", _("Amount due (smallest unit)"), plain("amount_due_minor")),
    Column("currency", _("Currency"), code("currency"), shows="amount"),
    Column("status", _("Status"), _shown, shows="status"),
    Column("case", _("Case"), words("case", "status")),
    Column("case_code", _("Case code"), text("status")),
    Column("next_step_code", _("Next step code"), text("next_step")),
    Column("next_try_at", _("Next try"), moment("next_try_at"), shows="status", is_time=True),
    Column("end_reason", _("End reason"), choice("end_reason", RecoveryCase.EndReason.choices)),
    Column("customer_name", _("Customer name"), text(_one(_CUSTOMER, "name")), shows="customer"),
    Column("customer_email", _("Customer email"), text(_one(_CUSTOMER, "email")), shows="customer"),
    Column("offer", _("Offer"), text("offer_name"), shows="offer"),
    Column("kind", _("Kind"), choice("kind", RecoveryCase.Kind.choices), shows="kind"),
    Column("reason", _("Decline reason"), text("last_decline_words"), shows="reason"),
    Column("decline_code", _("Decline code"), text("last_decline_code")),
    Column("failure_code", _("Failure code"), text("last_failure_code")),
    Column(
        "engine", _("Who retries"), choice("engine", RecoveryCase.Engine.choices), shows="engine"
    ),
    Column("retries", _("Retries made"), plain("retries_made"), shows="retries"),
    Column("tries", _("Tries"), plain(Subquery(_TRIES.annotate(n=Count("pk")).values("n")))),
    Column("failed_at", _("Failed"), moment("failed_at"), shows="failed", is_time=True),
    Column("opened_at", _("Opened"), moment("opened_at"), is_time=True),
    Column("closed_at", _("Closed"), moment("closed_at"), is_time=True),
    Column("recovered", _("Amount recovered"), amount("recovered_minor")),
    Column("recovered_minor", _("Amount recovered (smallest unit)"), plain("recovered_minor")),
    Column("recovered_by", _("Recovered by"), text(_one(_RECOVERED, "text"))),
    Column("emails_sent", _("Emails sent"), plain(Coalesce("mails_sent", 0)), shows="emails"),
    Column("link_used", _("Payment link used"), yes("link_used"), shows="emails"),
    Column("email_bounced", _("Email came back"), yes("mail_bounced"), shows="emails"),
    Column("access", _("Access"), text(_one(_SUBSCRIPTION, "access")), shows="access"),
    Column(
        "invoice_status",
        _("Invoice status"),
        text(_one(_TRANSACTION, "invoice_status")),
        shows="invoice",
    ),
    Column("stripe_goes_on", _("Stripe goes on"), text(_one(_TRANSACTION, "stripe_goes_on"))),
    Column("invoice", _("Stripe invoice ID"), text("stripe_invoice_id")),
    Column("subscription", _("Stripe subscription ID"), text("stripe_subscription_id")),
    Column("customer", _("Stripe customer ID"), text("stripe_customer_id")),
    Column("product", _("Stripe product ID"), text("stripe_product_id")),
)


def read(merchant: Merchant, query: QueryDict, local: Locality) -> Selection:
    """Read the list as its page does."""
    offered = case_choices(merchant=merchant)
    form = CaseFilterForm(query, local=local, offered=offered)
    rows = filtered_cases(merchant=merchant, filters=form.filters())
    return Selection(form, rows.order_by(*form.terms))


SOURCE = Source(CASES, _("Recovery cases"), COLUMNS, read)
