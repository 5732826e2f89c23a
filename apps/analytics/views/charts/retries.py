"""Retries: which of them work, how fast payments come back, and at which hours."""

from django.utils.translation import gettext as _

from apps.analytics.models import DayBreakdown
from apps.analytics.views.charts.base import Chart, Pen
from apps.analytics.views.figures import percent_words
from apps.dunning.metrics.rates import ENOUGH_TRIES, Share
from apps.web import charts

Dimension = DayBreakdown.Dimension

MOST_NUMBERS = 8
HOURS_PER_CELL = 2
WEEKDAYS = 7
HISTOGRAM = (1, 2, 3, 5, 7, 10, 14, 21, 30, 60)
"""Upper ends of the bars of days to recovery; the last one takes what is longer."""


def which_try(pen: Pen) -> Chart:
    numbers = sorted(pen.report.by(Dimension.NUMBER), key=lambda part: int(part.key))
    shown = [part for part in numbers if part.tries][:MOST_NUMBERS]
    success = pen.report.retry_success
    return Chart(
        key="tries",
        title=_("Which retry works")
        if success.percent is None
        else _("%(percent)d %% of retries succeed") % {"percent": success.percent},
        subtitle=_("Paid ÷ made, by number of the retry; Stripe's and ours."),
        kind="columns",
        drawing=charts.columns(
            [
                charts.BarRow(
                    f"{part.key}. (n\N{NO-BREAK SPACE}={part.tries})",
                    (float(part.success.percent or 0),),
                )
                for part in shown
            ],
            key=[("rec", _("of retries paid"))],
            words=_percent,
            most=100,
            join=False,
        ),
        head=(_("Retry"), _("Made"), _("Paid"), _("Success")),
        rows=tuple(
            (part.key, str(part.tries), str(part.tries_paid), percent_words(part.success))
            for part in numbers
        ),
        file_head=("retry", "made", "paid"),
        file_rows=tuple((int(part.key), part.tries, part.tries_paid) for part in numbers),
        note=_("Retries made fewer than ten times show no share."),
        is_empty=not shown,
    )


def how_fast(pen: Pen) -> Chart:
    hours = pen.report.total.hours
    counts = [0] * len(HISTOGRAM)
    for hour in hours:
        days = hour / 24
        place = next((n for n, end in enumerate(HISTOGRAM) if days < end), -1)
        counts[place] += 1
    names = [_bin(n) for n in range(len(HISTOGRAM))]
    median = pen.report.total.median_days
    return Chart(
        key="speed",
        title=_("How fast payments come back")
        if median is None
        else _("Half of the recovered payments come back within %(n).1f days") % {"n": median},
        subtitle=_("Recovered cases by days from the first failure to the payment."),
        kind="columns",
        drawing=charts.columns(
            [
                charts.BarRow(name, (float(count),))
                for name, count in zip(names, counts, strict=True)
            ],
            key=[("rec", _("cases"))],
            words=lambda value: f"{value:.0f}",
        ),
        head=(_("Days"), _("Cases")),
        rows=tuple((name, str(count)) for name, count in zip(names, counts, strict=True)),
        file_head=("days_below", "cases"),
        file_rows=tuple(zip(HISTOGRAM, counts, strict=True)),
        is_empty=not hours,
    )


def when(pen: Pen) -> Chart:
    cells: dict[tuple[int, int], tuple[int, int]] = {}
    for part in pen.report.by(Dimension.SLOT):
        weekday, hour = map(int, part.key.split())
        at = (weekday, hour // HOURS_PER_CELL)
        ran, paid = cells.get(at, (0, 0))
        cells[at] = (ran + part.tries, paid + part.tries_paid)
    shares = {at: Share(paid, ran, ran, enough=ENOUGH_TRIES) for at, (ran, paid) in cells.items()}
    days = [pen.weekday(n) for n in range(WEEKDAYS)]
    hours = [f"{hour:02}" for hour in range(0, 24, HOURS_PER_CELL)]
    told = [(at, share) for at, share in sorted(shares.items())]
    return Chart(
        key="hours",
        title=_("When retries succeed"),
        subtitle=_(
            "Paid ÷ made, by weekday and two hours in your time zone; fewer than five stay blank."
        ),
        kind="heat",
        drawing=charts.heat(shares, rows=days, columns=hours),
        head=(_("Weekday"), _("From hour"), _("Made"), _("Paid"), _("Success")),
        rows=tuple(
            (days[at[0]], hours[at[1]], str(share.whole), str(share.part), percent_words(share))
            for at, share in told
        ),
        file_head=("weekday", "from_hour", "made", "paid"),
        file_rows=tuple(
            (at[0] + 1, at[1] * HOURS_PER_CELL, share.whole, share.part) for at, share in told
        ),
        is_empty=not any(share.percent is not None for share in shares.values()),
    )


def _bin(number: int) -> str:
    """Name a bar of the histogram: "0", "3\u20134", "30+"."""
    start = HISTOGRAM[number - 1] if number else 0
    last = HISTOGRAM[number] - 1
    if number == len(HISTOGRAM) - 1:
        return f"{start}+"
    return str(start) if last <= start else f"{start}\N{EN DASH}{last}"


def _percent(value: float) -> str:
    return f"{value:.0f}\N{NO-BREAK SPACE}%"
