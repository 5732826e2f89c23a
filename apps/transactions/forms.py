"""The filter form of the Transactions page."""

from django import forms
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.transactions.models import Transaction
from apps.transactions.queries import SORTS, FilterChoices, TransactionFilters
from apps.web.badges import badge_of
from apps.web.filters import ChipSpec, ListForm, checks, radios
from apps.web.spans import COMING, PERIODS, Locality, span_of_coming, span_of_period

Status = Transaction.Status

STATUSES: tuple[tuple[str, str | Promise], ...] = (
    ("failed", _("Failed")),
    *(
        (status.value, badge_of("transaction", status).word)
        for status in (
            Status.RETRYING,
            Status.NEEDS_CARD,
            Status.NEEDS_AUTHENTICATION,
            Status.CHARGING,
            Status.CHECKING,
            Status.RECOVERED,
            Status.SUCCEEDED,
            Status.PROCESSING,
            Status.REFUNDED,
            Status.DISPUTED,
            Status.INCOMPLETE,
            Status.OPEN,
            Status.VOID,
        )
    ),
)
"""Failed is every payment whose last try failed and that is not paid yet; the rest is narrower."""

VIEW_LABELS: tuple[tuple[str, str | Promise], ...] = (
    ("", _("All")),
    ("attention", _("Needs attention")),
    ("retrying", _("Retrying")),
    ("failed", _("Failed")),
    ("recovered", _("Recovered")),
    ("refunded", _("Refunded")),
)

SORT_LABELS: tuple[tuple[str, str | Promise], ...] = (
    ("-date", _("Newest first")),
    ("date", _("Oldest first")),
    ("-amount", _("Highest amount")),
    ("amount", _("Lowest amount")),
    ("next_try", _("Next try")),
    ("-next_try", _("Next try, last first")),
    ("customer", _("Customer, A to Z")),
    ("-customer", _("Customer, Z to A")),
    ("status", _("Status")),
    ("-status", _("Status, reversed")),
)

INVOICE_STATUSES = ("open", "paid", "uncollectible", "void", "draft")

METHOD_WORDS: dict[str, str | Promise] = {
    "card": _("Card"),
    "link": "Link",
    "sepa_debit": _("SEPA debit"),
    "us_bank_account": _("US bank account"),
    "bacs_debit": _("Bacs debit"),
    "acss_debit": _("Canadian debit"),
    "au_becs_debit": _("BECS debit"),
}


class TransactionFilterForm(ListForm):
    """What the Transactions page shows: text in, `TransactionFilters` out."""

    views = VIEW_LABELS
    chips = (
        ChipSpec("status", _("Status"), ("status",)),
        ChipSpec("date", _("Date"), ("period", "from", "to")),
        ChipSpec("amount", _("Amount"), ("min", "max", "currency")),
        ChipSpec("reason", _("Decline reason"), ("reason",)),
        ChipSpec("next", _("Next try"), ("next",)),
        ChipSpec("tries", _("Tries"), ("tries_min", "tries_max"), rare=True),
        ChipSpec("offer", _("Offer"), ("offer",), rare=True),
        ChipSpec("method", _("Payment method"), ("method",), rare=True),
        ChipSpec("invoice", _("Invoice"), ("invoice",), rare=True),
    )
    sorts = SORT_LABELS
    default_sort = "-date"
    hidden = ("view", "rows", "customer", "subscription")
    open_sets = ("reason", "offer", "method", "currency")

    status = checks(_("Status"))
    period = radios(_("Date"), PERIODS)
    reason = checks(_("Decline reason"))
    next = radios(_("Next try"), COMING)
    tries_min = forms.IntegerField(required=False, min_value=0, max_value=99, label=_("From"))
    tries_max = forms.IntegerField(required=False, min_value=0, max_value=99, label=_("To"))
    offer = checks(_("Offer"))
    method = checks(_("Payment method"))
    invoice = checks(_("Invoice"))
    customer = forms.CharField(required=False, max_length=255)
    subscription = forms.CharField(required=False, max_length=255)

    def __init__(self, data: QueryDict, *, local: Locality, offered: FilterChoices) -> None:
        super().__init__(
            data,
            local=local,
            status=STATUSES,
            currencies=offered.currencies,
            reason=[(code, f"{words} ({code})") for code, words in offered.declines],
            offer=[(name, name) for name in offered.offers],
            method=[(name, METHOD_WORDS.get(name, name)) for name in offered.methods],
            invoice=[(name, badge_of("invoice", name).word) for name in INVOICE_STATUSES],
        )

    def filters(self) -> TransactionFilters:
        """Return what to select; what was not valid does not filter."""
        local, value = self.local, self.value
        since, until = span_of_period(
            local, period=value("period"), first=value("from"), last=value("to")
        )
        next_since, next_until = span_of_coming(local, coming=value("next"))
        return TransactionFilters(
            view=value("view"),
            statuses=tuple(value("status")),
            since=since,
            until=until,
            currency=self.chosen_currency,
            amount_min_minor=self.minor("min"),
            amount_max_minor=self.minor("max"),
            decline_codes=tuple(value("reason")),
            offers=tuple(value("offer")),
            methods=tuple(value("method")),
            invoice_statuses=tuple(value("invoice")),
            tries_min=value("tries_min"),
            tries_max=value("tries_max"),
            next_try_since=next_since,
            next_try_until=next_until,
            customer_id=value("customer"),
            subscription_id=value("subscription"),
            search=value("q").strip(),
        )

    @property
    def terms(self) -> tuple[str, ...]:
        """The order of the chosen sort, for a cursor."""
        return SORTS[self.sort_key]

    def chip_text(self, spec: ChipSpec) -> str:
        low, high = self.value("tries_min"), self.value("tries_max")
        if spec.key == "tries" and (low, high) != (None, None):
            return f"{low or 0}\N{EN DASH}{high}" if high is not None else f"{low}+"
        return super().chip_text(spec)
