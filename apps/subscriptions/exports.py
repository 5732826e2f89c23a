"""The columns of a subscriptions export."""

from collections.abc import Iterable, Iterator

from django.utils.translation import gettext_lazy as _

from apps.dunning.money import Money, to_decimal
from apps.subscriptions.models import Subscription
from apps.web.badges import badge_of
from apps.web.csv import Cell

HEADER = (
    _("Customer name"),
    _("Customer email"),
    _("Offer"),
    _("Kind"),
    _("Status"),
    _("Amount"),
    _("Amount (smallest unit)"),
    _("Currency"),
    _("Interval"),
    _("Interval count"),
    _("Instalments"),
    _("Instalments paid"),
    _("Instalments missed"),
    _("Access"),
    _("Past due since"),
    _("Amount due"),
    _("Amount due (smallest unit)"),
    _("Next try"),
    _("Next payment"),
    _("Started"),
    _("Ends"),
    _("Ended"),
    _("Ended for non-payment"),
    _("Stripe subscription ID"),
    _("Stripe customer ID"),
    _("Stripe product ID"),
)


def export_rows(rows: Iterable[Subscription]) -> Iterator[tuple[Cell, ...]]:
    """Yield one line per subscription, in the order of HEADER."""
    for row in rows:
        yield (
            row.customer_name,
            row.customer_email,
            row.offer_name,
            str(row.get_kind_display()),
            str(badge_of("subscription", row.status).word),
            to_decimal(row.amount),
            row.amount_minor,
            row.currency.upper(),
            row.interval,
            row.interval_count,
            row.installments_total,
            row.installments_paid,
            row.installments_missed,
            str(badge_of("access", row.access).word),
            row.past_due_since,
            to_decimal(Money(row.amount_due_minor, row.currency)),
            row.amount_due_minor,
            row.next_try_at,
            row.next_payment_at,
            row.started_at,
            row.ends_at,
            row.ended_at,
            "yes" if row.ended_for_nonpayment else "",
            row.stripe_subscription_id,
            row.stripe_customer_id,
            row.stripe_product_id,
        )
