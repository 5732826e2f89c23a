"""What became of failed payments day by day, how the rates moved, and what is coming."""

import datetime as dt
from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _

from apps.analytics.queries.report import Totals
from apps.analytics.views.charts.base import Chart, Pen
from apps.analytics.views.figures import percent_words
from apps.dunning.metrics.rates import Share
from apps.web import charts


def what_became(pen: Pen) -> Chart:
    key = [("rec", _("recovered")), ("wait", _("still open")), ("lost", _("lost"))]
    bars = [
        charts.BarRow(step.name, _amounts(step.totals), pen.cases_of(step)) for step in pen.steps
    ]
    outcomes = pen.report.total.outcomes
    return Chart(
        key="outcomes",
        title=_("%(part)s of %(whole)s that failed came back")
        % {
            "part": pen.money(outcomes.recovered_minor),
            "whole": pen.money(outcomes.failed_minor),
        },
        subtitle=_(
            "What became of failed payments, by %(step)s of failure. Stopped cases are left out."
        )
        % {"step": pen.step_word},
        kind="columns",
        drawing=charts.columns(bars, key=key, words=pen.short),
        head=(pen.step_word.title(), _("Recovered"), _("Still open"), _("Lost")),
        rows=tuple(
            (step.name, *(pen.money(int(value)) for value in _amounts(step.totals)))
            for step in pen.steps
        ),
        file_head=("from", "to", "recovered", "open", "lost", "stopped", "currency"),
        file_rows=tuple(
            (
                step.first.isoformat(),
                step.last.isoformat(),
                *(
                    pen.exact(minor)
                    for minor in (
                        step.totals.outcomes.recovered_minor,
                        step.totals.outcomes.open_minor,
                        step.totals.outcomes.lost_minor,
                        step.totals.outcomes.stopped_minor,
                    )
                ),
                pen.report.currency.upper(),
            )
            for step in pen.steps
        ),
        is_empty=not outcomes.failed,
    )


def recovery_rate(pen: Pen) -> Chart:
    now, before = pen.report.total, pen.report.previous
    return _rates(
        pen,
        "recovery-rate",
        _("Recovery rate"),
        _("Recovered ÷ (recovered + lost), closed cases by %(step)s of failure.")
        % {"step": pen.step_word},
        [step.totals.outcomes.rate for step in pen.steps],
        [step.totals.outcomes.rate for step in pen.earlier],
        now.outcomes.rate,
        before.outcomes.rate if before else None,
        most=100,
        tone="rec",
    )


def failure_rate(pen: Pen) -> Chart:
    now, before = pen.report.total, pen.report.previous
    return _rates(
        pen,
        "failure-rate",
        _("Failure rate"),
        _("First tries of renewals and instalments that failed, by amount."),
        [step.totals.failure_rate for step in pen.steps],
        [step.totals.failure_rate for step in pen.earlier],
        now.failure_rate,
        before.failure_rate if before else None,
        most=None,
        tone="fail",
    )


def what_is_coming(pen: Pen, coming: Mapping[dt.date, tuple[int, int]]) -> Chart:
    days = [pen.local.today + dt.timedelta(days=n) for n in range(14)]
    found = [coming.get(day, (0, 0)) for day in days]
    names = [pen.day(day) for day in days]
    return Chart(
        key="coming",
        title=_("%(amount)s will be tried again in the next 14 days")
        % {"amount": pen.money(sum(minor for _count, minor in found))},
        subtitle=_("Each open case's next charge, by day; from today, whatever the period."),
        kind="columns",
        drawing=charts.columns(
            [
                charts.BarRow(name, (float(minor),))
                for name, (_count, minor) in zip(names, found, strict=True)
            ],
            key=[("wait", _("to be tried"))],
            words=pen.short,
        ),
        head=(_("Day"), _("Charges"), _("Amount")),
        rows=tuple(
            (name, str(count), pen.money(minor))
            for name, (count, minor) in zip(names, found, strict=True)
        ),
        file_head=("day", "charges", "amount", "currency"),
        file_rows=tuple(
            (
                day.isoformat(),
                count,
                pen.exact(minor),
                pen.report.currency.upper(),
            )
            for day, (count, minor) in zip(days, found, strict=True)
        ),
        is_empty=not any(count for count, _minor in found),
    )


def _rates(
    pen: Pen,
    key: str,
    name: str,
    subtitle: str,
    now: Sequence[Share],
    before: Sequence[Share],
    total: Share,
    total_before: Share | None,
    *,
    most: float | None,
    tone: str,
) -> Chart:
    names = [step.name for step in pen.steps]
    series = [charts.Line(_("this period"), _values(now), tone)]
    if before:
        series.append(charts.Line(_("the period before"), _values(before), "lost", "dashed"))
    compared = total_before is not None
    return Chart(
        key=key,
        title=_moved(name, total, total_before),
        subtitle=subtitle,
        kind="lines",
        drawing=charts.lines(names, series, words=_percent, most=most),
        head=(pen.step_word.title(), name, *((_("Period before"),) if compared else ())),
        rows=tuple(
            (
                step,
                percent_words(share),
                *((percent_words(before[n]),) if compared else ()),
            )
            for n, (step, share) in enumerate(zip(names, now, strict=True))
        ),
        file_head=("from", "to", "part", "whole", "cases"),
        file_rows=tuple(
            (
                step.first.isoformat(),
                step.last.isoformat(),
                pen.exact(share.part),
                pen.exact(share.whole),
                share.sample,
            )
            for step, share in zip(pen.steps, now, strict=True)
        ),
        note=_("Gaps: too few cases to tell."),
        is_empty=all(share.value is None for share in now),
    )


def _values(shares: Sequence[Share]) -> tuple[float | None, ...]:
    return tuple(None if share.value is None else float(share.value * 100) for share in shares)


def _moved(name: str, now: Share, before: Share | None) -> str:
    """Say the finding: "Recovery rate rose from 52 % to 68 %"."""
    if now.percent is None:
        return _("%(name)s: too few to tell") % {"name": name}
    if before is None or before.percent is None:
        return _("%(name)s is %(now)d %%") % {"name": name, "now": now.percent}
    if before.percent == now.percent:
        return _("%(name)s stayed at %(now)d %%") % {"name": name, "now": now.percent}
    text = _("%(name)s rose from %(before)d %% to %(now)d %%")
    if now.percent < before.percent:
        text = _("%(name)s fell from %(before)d %% to %(now)d %%")
    return text % {"name": name, "before": before.percent, "now": now.percent}


def _amounts(totals: Totals) -> tuple[float, float, float]:
    outcomes = totals.outcomes
    return (
        float(outcomes.recovered_minor),
        float(outcomes.open_minor),
        float(outcomes.lost_minor),
    )


def _percent(value: float) -> str:
    return f"{value:.0f}\N{NO-BREAK SPACE}%"
