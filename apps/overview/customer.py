"""Everything known about one payer, gathered for their page."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import F, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Merchant
from apps.customers.models import Customer, PaymentMethod
from apps.customers.queries import methods_of
from apps.dunning.money import Money
from apps.dunning.order import FIELDS, Place, in_stripes_order
from apps.dunning.words import method_name
from apps.dunning_emails.models import NoReminders
from apps.dunning_emails.queries import WrittenTo, written_to
from apps.recovery.models import RecoveryCase, Try
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction

MOST_SHOWN = 25

FIELD_WORDS: dict[str, str | Promise] = dict(
    zip(
        FIELDS,
        (
            _("Subscription's default method"),
            _("Subscription's default source"),
            _("Customer's default for invoices"),
            _("Customer's default source"),
        ),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class FilledPlace:
    """A field of Stripe's order with the method in it, in words; `name` is "" where it is empty."""

    words: str | Promise
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Held:
    """One subscription and where Stripe looks for its payment method, in order.

    `is_known` is False until both it and its customer were read since these fields are kept.
    """

    row: Subscription
    places: tuple[FilledPlace, ...]
    is_known: bool

    @property
    def has_method(self) -> bool:
        return any(place.place.is_charged for place in self.places)


@dataclass(frozen=True, slots=True)
class CustomerView:
    """What the page of a customer shows."""

    customer: Customer
    paid: tuple[Money, ...]
    since: dt.datetime | None
    methods: list[PaymentMethod]
    subscriptions: tuple[Held, ...]
    cases: list[RecoveryCase]
    payments: list[Transaction]
    mails: list[WrittenTo]
    no_reminders_since: dt.datetime | None


def customers_shown(merchant: Merchant) -> QuerySet[Customer]:
    """Select a merchant's customers, each with since when they want no reminders."""
    refused = NoReminders.objects.for_merchant(merchant).filter(
        stripe_customer_id=OuterRef("stripe_customer_id")
    )
    return Customer.objects.for_merchant(merchant).annotate(
        no_reminders_since=Subquery(refused.values("since")[:1])
    )


def customer_view(*, merchant: Merchant, customer: Customer) -> CustomerView:
    """Gather a customer's page; eight queries however much there is."""
    key = {"merchant": merchant, "stripe_customer_id": customer.stripe_customer_id}
    methods = list(methods_of(merchant=merchant, customer_id=customer.stripe_customer_id))
    rows = list(Subscription.objects.filter(**key).order_by("-started_at", "-id")[:MOST_SHOWN])
    payments = Transaction.objects.filter(**key)
    paid = Sum(F("amount_minor") - F("amount_refunded_minor"), filter=Q(paid_at__isnull=False))
    totals = list(
        payments.order_by()
        .values_list("currency")
        .annotate(minor=paid, first=Min("at"))
        .order_by("currency")
    )
    names = {
        one.stripe_payment_method_id: method_name(one.brand or one.type, one.last4)
        for one in methods
    }
    failed = _failed_methods(merchant, rows)
    return CustomerView(
        customer=customer,
        paid=tuple(Money(minor, currency) for currency, minor, _first in totals if minor),
        since=min((first for _currency, _minor, first in totals), default=None),
        methods=methods,
        subscriptions=tuple(
            Held(
                row,
                _places(row, customer, names, failed.get(row.stripe_subscription_id, "")),
                is_known=row.defaults_known and customer.defaults_known,
            )
            for row in rows
        ),
        cases=list(RecoveryCase.objects.filter(**key).order_by("-failed_at", "-id")[:MOST_SHOWN]),
        payments=list(payments.order_by("-at", "-id")[:MOST_SHOWN]),
        mails=written_to(merchant=merchant, person=customer.stripe_customer_id, limit=MOST_SHOWN),
        no_reminders_since=getattr(customer, "no_reminders_since", None),
    )


def _places(
    row: Subscription, customer: Customer, names: dict[str, str], failed: str
) -> tuple[FilledPlace, ...]:
    places = in_stripes_order(
        subscription_method=row.default_method_id,
        subscription_source=row.default_source_id,
        customer_method=customer.default_method_id,
        customer_source=customer.default_source_id,
        failed_method=failed,
    )
    return tuple(
        FilledPlace(FIELD_WORDS[place.field], names.get(place.method_id) or place.method_id, place)
        for place in places
    )


def _failed_methods(merchant: Merchant, rows: Sequence[Subscription]) -> dict[str, str]:
    """Return the method of the last try of each subscription whose last try was refused."""
    ids = [row.stripe_subscription_id for row in rows]
    tries = Try.objects.for_merchant(merchant).filter(stripe_subscription_id__in=ids)
    last = {one.stripe_subscription_id: one for one in tries.order_by("at", "id")}
    return {
        subscription: one.stripe_payment_method_id
        for subscription, one in last.items()
        if one.status == Try.Status.FAILED
    }
