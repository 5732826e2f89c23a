"""Made-up values for the style guide: charts, a month and the steps of a schedule."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise

from apps.dunning.metrics.rates import Share
from apps.dunning.money import Money
from apps.web.charts import BarRow, Line, columns, heat, lines, rows

TITLES = {
    "columns": "Most of what failed in May came back",
    "lines": "Recovery rate rose from 52 % to 68 %",
    "rows": "Lack of funds comes back most often",
    "heat": "Retries work best on Fridays",
}


@dataclass(frozen=True, slots=True)
class SampleChart:
    """A chart as `charts/frame.html` takes it."""

    kind: str
    drawing: Any
    title: str | Promise
    subtitle: str = "The data, said plainly"
    is_empty: bool = False
    note: str = ""
    head: tuple[str, ...] = ("Day", "Recovered")
    rows: tuple[tuple[str, ...], ...] = (("May 1", "12"), ("May 2", "9"))

    @property
    def key(self) -> str:
        return f"sg-chart-{self.kind}{'-empty' if self.is_empty else ''}"


class StepForm(forms.Form):
    """One row of a schedule's editor; bound it shows its errors."""

    wait = forms.IntegerField(label="Wait", min_value=1, max_value=30)
    unit = forms.ChoiceField(label="Unit", choices=[("days", "days"), ("hours", "hours")])
    payday = forms.IntegerField(label="Payday", min_value=0, max_value=3, required=False)
    at = forms.TimeField(label="At", widget=forms.TimeInput({"type": "time"}))


def sample_charts() -> list[SampleChart]:
    """Return every kind of chart, and one without data."""
    data = [BarRow(f"May {n}", (8.0 - n % 3, 2.0 + n % 2, 1.0)) for n in range(1, 13)]
    key = (("rec", "Recovered"), ("wait", "Still open"), ("lost", "Lost"))
    names = [f"Week {n}" for n in range(1, 9)]
    rising: tuple[float | None, ...] = (52, 55, 54, None, 61, 60, 66, 68)
    falling: tuple[float | None, ...] = (50, 51, 50, 52, 51, 53, 52, 53)
    series = [
        Line("This period", rising),
        Line("Before", falling, tone="lost", style="dashed"),
    ]
    reasons = [
        BarRow("Insufficient funds", (64,), text="64 %"),
        BarRow("Expired", (12,), text="12 %"),
    ]
    shares = {(row, at): Share(row + at, 24, 24) for row in range(7) for at in range(12)}
    week = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    hours = [f"{hour:02}" for hour in range(0, 24, 2)]
    drawings = {
        "columns": columns(data, key=key, words=lambda value: f"{value:g}"),
        "lines": lines(names, series, words=lambda value: f"{value:g} %", most=100),
        "rows": rows(reasons),
        "heat": heat(shares, rows=week, columns=hours),
    }
    found = [SampleChart(kind, drawing, TITLES[kind]) for kind, drawing in drawings.items()]
    return [*found, SampleChart("rows", rows([]), "A chart without data", is_empty=True)]


def sample_weeks(today: dt.date) -> list[list[dict[str, object]]]:
    """Return two weeks of a calendar with every kind of day."""
    first = today - dt.timedelta(days=today.weekday())
    kinds: dict[int, dict[str, object]] = {
        1: {"count": 6, "amounts": [Money(81200, "usd"), Money(9800, "jpy")]},
        2: {"mails": 3},
        4: {"count": 1, "amounts": [Money(14900, "usd")], "mails": 1},
        13: {"in_month": False, "count": 2, "amounts": [Money(29800, "usd")]},
    }
    days = [
        {
            "date": first + dt.timedelta(days=n),
            "in_month": n < 12,
            "is_today": first + dt.timedelta(days=n) == today,
            "count": 0,
            "amounts": [],
            "mails": 0,
        }
        | kinds.get(n, {})
        for n in range(14)
    ]
    return [days[:7], days[7:]]


def sample_payday(name: str) -> forms.BoundField:
    """Return the field below the rows of a steps editor."""
    return StepForm(initial={"payday": 2}, prefix=name)["payday"]


def sample_steps(name: str) -> list[dict[str, object]]:
    """Return the rows of a steps editor: one filled, and the last one with errors."""
    last = f"{name}-last"
    first = StepForm(initial={"wait": 2, "unit": "days", "at": "10:00"}, prefix=name)
    wrong = StepForm({f"{last}-wait": "99", f"{last}-unit": "days", f"{last}-at": ""}, prefix=last)
    made = []
    for number, form in enumerate((first, wrong), start=1):
        made.append(
            {
                "number": number,
                "index": number - 1,
                "wait": form["wait"],
                "unit": form["unit"],
                "at": form["at"],
                "day": f"Day {2 * number}",
                "is_first": number == 1,
                "is_last": number == 2,
            }
        )
    return made
