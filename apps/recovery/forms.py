"""The filter form of the list of cases."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.recovery.queries import SORTS, CaseChoices, CaseFilters
from apps.web.filters import ChipSpec, ListForm, checks, radios
from apps.web.spans import PERIODS, Locality, span_of_period


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
    open_sets = ("reason", "currency")

    reason = checks(_("Decline reason"))
    period = radios(_("Failed on"), PERIODS)

    def __init__(self, data: QueryDict, *, local: Locality, offered: CaseChoices) -> None:
        super().__init__(
            data,
            local=local,
            currencies=offered.currencies,
            reason=[(code, f"{words} ({code})") for code, words in offered.declines],
        )

    def filters(self) -> CaseFilters:
        """Return what to select; what was not valid does not filter."""
        value = self.value
        since, until = span_of_period(
            self.local, period=value("period"), first=value("from"), last=value("to")
        )
        return CaseFilters(
            view=value("view"),
            search=value("q"),
            codes=tuple(value("reason")),
            since=since,
            until=until,
            currency=self.chosen_currency,
            amount_min_minor=self.minor("min"),
            amount_max_minor=self.minor("max"),
        )

    @property
    def terms(self) -> tuple[str, ...]:
        return SORTS[self.sort_key]


class NoteForm(forms.Form):
    """A note on a case; `key` makes sending it twice one note."""

    text = forms.CharField(max_length=500, strip=True)
    key = forms.UUIDField()

    def clean_key(self) -> str:
        return str(self.cleaned_data["key"])
