"""The filter form of the Subscriptions page."""

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.subscriptions.models import Subscription
from apps.subscriptions.queries import SORTS, FilterChoices, SubscriptionFilters
from apps.transactions.forms import INVOICE_STATUSES
from apps.web.badges import badge_of
from apps.web.filters import ChipSpec, ListForm, checks, radios
from apps.web.spans import COMING, PERIODS, Locality, span_of_coming, span_of_period

Status = Subscription.Status

Words = tuple[tuple[str, str | Promise], ...]

STATUSES: Words = tuple(
    (status.value, badge_of("subscription", status).word)
    for status in (
        Status.PAST_DUE,
        Status.UNPAID,
        Status.ACTIVE,
        Status.TRIALING,
        Status.PAUSED,
        Status.CANCELED,
        Status.COMPLETED,
        Status.INCOMPLETE,
        Status.INCOMPLETE_EXPIRED,
    )
)

VIEW_LABELS: Words = (
    ("", _("All")),
    ("past_due", _("Past due")),
    ("unpaid", _("Unpaid")),
    ("canceled_after_failure", _("Canceled after failed payment")),
    ("active", _("Active")),
)

SORT_LABELS: Words = (
    ("attention", _("Past due first")),
    ("-started", _("Newest first")),
    ("started", _("Oldest first")),
    ("-amount", _("Highest amount")),
    ("amount", _("Lowest amount")),
    ("-due", _("Most money at risk")),
    ("due", _("Least money at risk")),
    ("past_due", _("Longest past due")),
    ("-past_due", _("Shortest past due")),
    ("next_try", _("Next try")),
    ("-next_try", _("Next try, last first")),
    ("next_payment", _("Next payment")),
    ("-next_payment", _("Next payment, last first")),
    ("customer", _("Customer, A to Z")),
    ("-customer", _("Customer, Z to A")),
    ("status", _("Status")),
    ("-status", _("Status, reversed")),
)


class SubscriptionFilterForm(ListForm):
    """What the Subscriptions page shows: text in, `SubscriptionFilters` out."""

    views = VIEW_LABELS
    chips = (
        ChipSpec("status", _("Status"), ("status",)),
        ChipSpec("offer", _("Offer"), ("offer",)),
        ChipSpec("access", _("Access"), ("access",)),
        ChipSpec("next", _("Next try"), ("next",)),
        ChipSpec("amount", _("Amount"), ("min", "max", "currency")),
        ChipSpec("invoice", _("Latest invoice"), ("invoice",), rare=True),
        ChipSpec("kind", _("Kind"), ("kind",), rare=True),
        ChipSpec("date", _("Started"), ("period", "from", "to"), rare=True),
    )
    sorts = SORT_LABELS
    default_sort = "attention"
    hidden = ("view", "rows", "customer")
    open_sets = ("offer", "currency")

    status = checks(_("Status"))
    offer = checks(_("Offer"))
    access = checks(_("Access"))
    next = radios(_("Next try"), COMING)
    invoice = checks(_("Latest invoice"))
    kind = checks(_("Kind"))
    period = radios(_("Started"), PERIODS)
    customer = forms.CharField(required=False, max_length=255)

    def __init__(self, data: QueryDict, *, local: Locality, offered: FilterChoices) -> None:
        super().__init__(
            data,
            local=local,
            currencies=offered.currencies,
            status=STATUSES,
            offer=[(name, name) for name in offered.offers],
            access=[
                (value, badge_of("access", value).word) for value in Subscription.Access.values
            ],
            invoice=[(value, badge_of("invoice", value).word) for value in INVOICE_STATUSES],
            kind=[(value, str(label)) for value, label in Subscription.Kind.choices],
        )

    def filters(self) -> SubscriptionFilters:
        """Return what to select; what was not valid does not filter."""
        local, value = self.local, self.value
        since, until = span_of_period(
            local, period=value("period"), first=value("from"), last=value("to")
        )
        next_since, next_until = span_of_coming(local, coming=value("next"))
        return SubscriptionFilters(
            view=value("view"),
            statuses=tuple(value("status")),
            kinds=tuple(value("kind")),
            offers=tuple(value("offer")),
            invoice_statuses=tuple(value("invoice")),
            access=tuple(value("access")),
            currency=self.chosen_currency,
            amount_min_minor=self.minor("min"),
            amount_max_minor=self.minor("max"),
            started_since=since,
            started_until=until,
            next_try_since=next_since,
            next_try_until=next_until,
            customer_id=value("customer"),
            search=value("q").strip(),
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """The order of the chosen sort, for a cursor."""
        return SORTS[self.sort_key]
