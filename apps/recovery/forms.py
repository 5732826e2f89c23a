"""The filter form of the list of cases."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.recovery.models import RecoveryCase
from apps.recovery.queries.listing import MANY_LEFT, SORTS, CaseChoices, CaseFilters
from apps.web.filters import ChipSpec, ListForm, checks, day, radios
from apps.web.spans import (
    COMING,
    PERIODS,
    Locality,
    Span,
    period_text,
    span_of_coming,
    span_of_period,
)

LEFT = (
    ("0", _("None")),
    ("1", _("The last one")),
    ("2", _("2 tries")),
    (str(MANY_LEFT), _("3 tries or more")),
)
EMAILS = (
    ("none", _("None sent")),
    ("sent", _("Sent")),
    ("used", _("Link used")),
    ("bounced", _("Came back")),
)
ACCESS = (
    ("revoked", _("Revoked by the case")),
    ("granted", _("Given back")),
    ("unchanged", _("Not changed")),
)


class CaseFilterForm(ListForm):
    """What the list of cases shows: text in, `CaseFilters` out."""

    views = (
        ("", _("Open")),
        ("attention", _("Needs attention")),
        ("retrying", _("Retrying")),
        ("new_card", _("Needs a new card")),
        ("authentication", _("Needs authentication")),
        ("recovered", _("Recovered")),
        ("lost", _("Lost")),
        ("stopped", _("Stopped")),
    )
    chips = (
        ChipSpec("reason", _("Decline reason"), ("reason",)),
        ChipSpec("date", _("Failed on"), ("period", "from", "to")),
        ChipSpec("amount", _("Amount"), ("min", "max", "currency")),
        ChipSpec("next", _("Next try"), ("next", "next_from", "next_to")),
        ChipSpec("offer", _("Offer"), ("offer",), rare=True),
        ChipSpec("retries", _("Retries made"), ("retries_min", "retries_max"), rare=True),
        ChipSpec("left", _("Tries left"), ("left",), rare=True),
        ChipSpec("emails", _("Emails"), ("emails",), rare=True),
        ChipSpec("access", _("Access"), ("access",), rare=True),
        ChipSpec("engine", _("Who retries"), ("engine",), rare=True),
        ChipSpec("end", _("How it ended"), ("end",), rare=True),
    )
    sorts = (
        ("-failed", _("Newest first")),
        ("failed", _("Oldest first")),
        ("-amount", _("Highest amount")),
        ("amount", _("Lowest amount")),
        ("next_try", _("Next try")),
        ("-next_try", _("Next try, last first")),
    )
    default_sort = "-failed"
    open_sets = ("reason", "currency", "offer")

    reason = checks(_("Decline reason"))
    period = radios(_("Failed on"), PERIODS)
    next = radios(_("Next try"), COMING)
    next_from = day(_("From"))
    next_to = day(_("To"))
    offer = checks(_("Offer"))
    retries_min = forms.IntegerField(required=False, min_value=0, max_value=99, label=_("From"))
    retries_max = forms.IntegerField(required=False, min_value=0, max_value=99, label=_("To"))
    left = checks(_("Tries left"))
    emails = checks(_("Emails"))
    access = checks(_("Access"))
    engine = checks(_("Who retries"))
    end = checks(_("How it ended"))

    def __init__(self, data: QueryDict, *, local: Locality, offered: CaseChoices) -> None:
        super().__init__(
            data,
            local=local,
            currencies=offered.currencies,
            reason=[(code, f"{words} ({code})") for code, words in offered.declines],
            offer=[(name, name) for name in offered.offers],
            left=LEFT,
            emails=EMAILS,
            access=ACCESS,
            engine=[(value, str(label)) for value, label in RecoveryCase.Engine.choices],
            end=[(value, str(label)) for value, label in RecoveryCase.EndReason.choices],
        )

    def filters(self) -> CaseFilters:
        """Return what to select; what was not valid does not filter."""
        value = self.value
        since, until = span_of_period(
            self.local, period=value("period"), first=value("from"), last=value("to")
        )
        next_since, next_until = self._next_span()
        return CaseFilters(
            view=value("view"),
            search=value("q"),
            codes=tuple(value("reason")),
            since=since,
            until=until,
            currency=self.chosen_currency,
            amount_min_minor=self.minor("min"),
            amount_max_minor=self.minor("max"),
            next_since=next_since,
            next_until=next_until,
            offers=tuple(value("offer")),
            retries_min=value("retries_min"),
            retries_max=value("retries_max"),
            left=tuple(value("left")),
            emails=tuple(value("emails")),
            access=tuple(value("access")),
            engines=tuple(value("engine")),
            end_reasons=tuple(value("end")),
        )

    def _next_span(self) -> Span:
        """Return when the next try falls; today takes in what is overdue."""
        local, value = self.local, self.value
        if value("next_from") or value("next_to"):
            since, until = span_of_period(
                local, period="", first=value("next_from"), last=value("next_to")
            )
        else:
            since, until = span_of_coming(local, coming=value("next"))
        is_today = since is not None and since == local.start_of(local.today)
        return (None, until) if is_today else (since, until)

    def chip_text(self, spec: ChipSpec) -> str:
        value = self.value
        if spec.key == "next" and (value("next_from") or value("next_to")):
            return period_text(
                self.local, period="", first=value("next_from"), last=value("next_to")
            )
        low, high = value("retries_min"), value("retries_max")
        if spec.key == "retries" and (low, high) != (None, None):
            return f"{low or 0}\N{EN DASH}{high}" if high is not None else f"{low}+"
        return super().chip_text(spec)

    @property
    def terms(self) -> tuple[str, ...]:
        return SORTS[self.sort_key]


class NoteForm(forms.Form):
    """A note on a case; `key` makes sending it twice one note."""

    text = forms.CharField(max_length=500, strip=True)
    key = forms.UUIDField()

    def clean_key(self) -> str:
        return str(self.cleaned_data["key"])


class BulkForm(forms.Form):
    """Which rows something is asked for: `pick`, or with `all` what `query` lists."""

    all = forms.BooleanField(required=False)
    query = forms.CharField(required=False, max_length=2000)
    key = forms.UUIDField(required=False)
    confirmed = forms.IntegerField(required=False, min_value=1)
    despite_warnings = forms.BooleanField(required=False)

    @property
    def picked(self) -> list[int]:
        """The rows picked by hand; what is no number is passed over."""
        data: QueryDict = self.data  # type: ignore[assignment]
        return [int(one) for one in data.getlist("pick") if one.isascii() and one.isdecimal()]


class HoldForm(forms.Form):
    """Why a case is put on hold."""

    note = forms.CharField(max_length=150, strip=True)
