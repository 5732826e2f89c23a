"""The form of the retry settings: checks a draft and turns it into `RetryRules`."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.forms import BoundField

from apps.dunning import codes
from apps.dunning.facts import Decline
from apps.dunning.presets import PRESETS
from apps.dunning.rules import (
    MAX_DAYS,
    MAX_PAYDAY_DAYS,
    MAX_TRIES,
    RetryRules,
    RulesError,
    Step,
    length,
)
from apps.retry_settings.forms.draft import LADDER, ROW, Draft, reasons_in, row_count
from apps.retry_settings.forms.ladders import Ladder, read_ladder
from apps.retry_settings.forms.options import NUMBERS, OptionsForm


@dataclass(frozen=True, slots=True)
class Group:
    """A family of decline reasons that share a schedule."""

    key: str
    title: str
    sample: str


GROUPS = (
    Group("funds", "Insufficient funds", "insufficient_funds"),
    Group("issuer", "Declined by bank", "generic_decline"),
    Group("technical", "Processing error", "processing_error"),
    Group("limits", "Card limit reached", "card_velocity_exceeded"),
)
"""The families a table always shows, each with the code its preview uses."""

MAX_ROW_DAYS = 30
OURS = ("recoup", "gaps")


@dataclass(frozen=True, slots=True)
class StepRow:
    """One row of the custom schedule; `day` counts from the first failure, "" if not readable."""

    number: int
    wait: BoundField
    unit: BoundField
    at: BoundField
    day: str
    is_first: bool
    is_last: bool

    @property
    def index(self) -> int:
        return self.number - 1


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """One row of the table by reason."""

    key: str
    title: str
    code: str
    days: BoundField
    at: BoundField
    payday: BoundField
    is_group: bool


class RetryRulesForm(OptionsForm):
    """Always bound, to a draft from the database or from the page; errors show once asked for.

    Only the chosen strategy is checked; what the page hides cannot stop a save.
    """

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    engine = forms.ChoiceField(
        choices=[("recoup", "Recoup"), ("stripe", "Stripe"), ("gaps", "Stripe, Recoup between")]
    )
    strategy = forms.ChoiceField(
        choices=[("decline_aware", "By decline reason"), ("custom", "Custom schedule")]
    )
    payday = forms.IntegerField(
        min_value=0,
        max_value=MAX_PAYDAY_DAYS,
        required=False,
        label="Move to a payday within",
        error_messages={
            "min_value": f"Enter 0 to {MAX_PAYDAY_DAYS} days.",
            "max_value": f"Enter 0 to {MAX_PAYDAY_DAYS} days.",
            "invalid": f"Enter 0 to {MAX_PAYDAY_DAYS} days.",
        },
    )

    def __init__(self, draft: Draft, *, show_errors: bool = False) -> None:
        super().__init__(draft, auto_id="id_%s")
        self.draft = draft
        self.shows_errors = show_errors
        self.row_total = row_count(draft)
        self.reasons = reasons_in(draft)
        for number in range(self.row_total):
            self._add_row(number)
        for key in self.reasons:
            self._add_reason(key)
        for name, field in self.fields.items():
            field.widget.attrs.update(
                {"aria-describedby": f"id_{name}_error", "aria-invalid": "true"}
                if show_errors and name in self.errors
                else {}
            )

    def clean(self) -> dict[str, Any]:
        """Build `rules` from what is chosen.

        Values: `rules`, complete and valid `RetryRules`; missing when there is an error.
        """
        self._forget_errors_of_the_hidden()
        values = self.cleaned_data
        engine, strategy = values.get("engine"), values.get("strategy")
        steps: tuple[Step, ...] = ()
        table: Mapping[str, tuple[Step, ...]] = {}
        if engine in OURS and strategy == "custom":
            steps = self._clean_rows()
        elif engine in OURS:
            table = self._clean_table()
        if engine in OURS and not (values.get("recurring") or values.get("one_off")):
            self.add_error("recurring", "Choose at least one kind of invoice, or let Stripe retry.")
        if not self.errors:
            values["rules"] = self._rules(steps, table)
        return values

    @property
    def rows(self) -> Iterator[StepRow]:
        """Yield the rows of the custom schedule."""
        hours: int | None = 0
        for number in range(self.row_total):
            wait, unit, at = (self[f"{part}-{number}"] for part in ROW)
            count = self._wait_of(number)
            hours = None if hours is None or count is None else hours + count
            yield StepRow(
                number=number + 1,
                wait=wait,
                unit=unit,
                at=at,
                day="" if hours is None else _day(hours),
                is_first=number == 0,
                is_last=number == self.row_total - 1,
            )

    @property
    def reason_rows(self) -> Iterator[ReasonRow]:
        """Yield the rows of the table by reason: the groups, then single codes."""
        order = [group.key for group in GROUPS]
        for key in sorted(self.reasons, key=lambda one: (one not in order, one)):
            days, at, payday = (self[f"{part}-{key}"] for part in LADDER)
            group = next((group for group in GROUPS if group.key == key), None)
            yield ReasonRow(
                key=key,
                title=_title(key),
                code=group.sample if group else key,
                days=days,
                at=at,
                payday=payday,
                is_group=group is not None,
            )

    @property
    def can_add_row(self) -> bool:
        return self.row_total < MAX_TRIES

    @property
    def error_list(self) -> list[tuple[str, str]]:
        """Return (id of the field, words) of every error, in the order of the page."""
        if not self.shows_errors:
            return []
        return [
            (self[name].id_for_label if name in self.fields else "", str(message))
            for name, messages in self.errors.items()
            for message in messages
        ]

    @property
    def spare_codes(self) -> list[tuple[str, str]]:
        """Return the soft codes that have no schedule of their own yet, with their words."""
        return sorted(
            (
                (row.code, codes.words(Decline("card_declined", row.code)))
                for row in codes.all_rows()
                if row.kind == "card" and row.group != "none" and row.code not in self.reasons
            ),
            key=lambda pair: (pair[1], pair[0]),
        )

    def _add_row(self, number: int) -> None:
        unit = self.draft.get(f"unit-{number}")
        most = MAX_ROW_DAYS if unit != "hours" else MAX_ROW_DAYS * 24
        unit_words = "hours" if unit == "hours" else "days"
        words = f"Retry {number + 1}: enter 1 to {most} {unit_words}."
        self.fields[f"wait-{number}"] = forms.IntegerField(
            min_value=1,
            max_value=most,
            label=f"Retry {number + 1}",
            error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), words),
        )
        self.fields[f"unit-{number}"] = forms.ChoiceField(
            choices=[("days", "days"), ("hours", "hours")], label=f"Unit of retry {number + 1}"
        )
        self.fields[f"at-{number}"] = _time(f"Time of retry {number + 1}")

    def _add_reason(self, key: str) -> None:
        self.fields[f"days-{key}"] = forms.CharField(
            required=False, max_length=120, label=f"Retries for {key}"
        )
        self.fields[f"at-{key}"] = _time(f"Time for {key}")
        self.fields[f"payday-{key}"] = forms.IntegerField(
            required=False,
            min_value=0,
            max_value=MAX_PAYDAY_DAYS,
            label=f"Payday within days for {key}",
        )

    def _forget_errors_of_the_hidden(self) -> None:
        chosen = self.draft.get("strategy") if self.draft.get("engine") in OURS else None
        rows = [f"{part}-{number}" for number in range(self.row_total) for part in ROW]
        reasons = [f"{part}-{key}" for key in self.reasons for part in LADDER]
        hidden = [
            *([] if chosen == "custom" else ["payday", *rows]),
            *([] if chosen == "decline_aware" else reasons),
            *([] if self.draft.get("engine") == "gaps" else ["gap_hours"]),
            *([] if chosen else NUMBERS),
        ]
        for name in hidden:
            self.errors.pop(name, None)

    def _wait_of(self, number: int) -> int | None:
        text = self.draft.get(f"wait-{number}", "")
        in_days = self.draft.get(f"unit-{number}") != "hours"
        return int(text) * (24 if in_days else 1) if text.isdecimal() else None

    def _clean_rows(self) -> tuple[Step, ...]:
        if not self.row_total:
            self.add_error("strategy", "Add at least one retry.")
        if self.errors:
            return ()
        values = self.cleaned_data
        steps: list[Step] = []
        for number in range(self.row_total):
            in_days = values[f"unit-{number}"] == "days"
            steps.append(
                Step(
                    wait_hours=values[f"wait-{number}"] * (24 if in_days else 1),
                    at=values[f"at-{number}"] if in_days else None,
                    payday_within_days=(values.get("payday") or 0) if in_days else 0,
                )
            )
            if length(steps) > dt.timedelta(days=MAX_DAYS):
                self.add_error(
                    f"wait-{number}", f"The last retry must come within {MAX_DAYS} days."
                )
                break
        return tuple(steps)

    def _clean_table(self) -> dict[str, tuple[Step, ...]]:
        table: dict[str, tuple[Step, ...]] = {}
        for key in self.reasons:
            if any(f"{part}-{key}" in self.errors for part in LADDER):
                continue
            text, at, payday = (self.cleaned_data.get(f"{part}-{key}") for part in LADDER)
            try:
                table[key] = read_ladder(Ladder(text or "", at, payday or 0))
            except RulesError as error:
                self.add_error(f"days-{key}", f"{_title(key)}: {error}")
        if not self.errors and not any(table.values()):
            self.add_error("strategy", "Give at least one reason a schedule.")
        return table

    def _rules(self, steps: tuple[Step, ...], table: Mapping[str, tuple[Step, ...]]) -> RetryRules:
        values = self.cleaned_data
        if values["engine"] == "stripe":
            return RetryRules("stripe", "smart", name="stripe_smart")
        rules = RetryRules(values["engine"], values["strategy"], steps, table, **self.options())
        try:
            rules.validate()
        except RulesError as error:
            self.add_error("strategy", str(error))
        return replace(rules, name=_name_of(rules))


def _title(key: str) -> str:
    titles = {group.key: group.title for group in GROUPS}
    return titles.get(key) or codes.words(Decline("card_declined", key))


def _name_of(rules: RetryRules) -> str:
    """Return the preset that has the same schedules, else ""."""
    for name, preset in PRESETS.items():
        same = (preset.rules.strategy, preset.rules.steps, dict(preset.rules.table))
        if same == (rules.strategy, rules.steps, dict(rules.table)):
            return name
    return ""


def _time(label: str) -> forms.TimeField:
    return forms.TimeField(
        required=False,
        label=label,
        input_formats=["%H:%M", "%H:%M:%S"],
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        error_messages={"invalid": "Enter a time, such as 10:00."},
    )


def _day(hours: int) -> str:
    days, rest = divmod(hours, 24)
    return f"day {days}" if not rest else f"{hours} h" if not days else f"day {days}, {rest} h"
