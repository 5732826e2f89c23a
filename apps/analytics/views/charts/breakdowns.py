"""Cases in parts: by reason, by cause, and by whatever else they differ in."""

from collections.abc import Callable, Sequence
from typing import cast

from django.utils.translation import gettext as _

from apps.analytics.models import DayBreakdown
from apps.analytics.queries.report import Part
from apps.analytics.views.charts.base import Chart, Pen
from apps.analytics.views.figures import percent_words
from apps.dunning.facts import Decline
from apps.dunning.metrics.causes import CAUSES, Cause
from apps.dunning.words import words
from apps.web import charts
from apps.web.formats import locale_of

Dimension = DayBreakdown.Dimension

MOST_ROWS = 8


def why(pen: Pen) -> Chart:
    parts = pen.report.by(Dimension.REASON)
    failed = [part for part in parts if part.outcomes.failed]
    best = failed[0] if failed else None
    title = _("Why payments fail, and which come back")
    if best is not None:
        title = _("%(reason)s is the most expensive reason: %(amount)s") % {
            "reason": _reason(best.key),
            "amount": pen.money(best.outcomes.failed_minor),
        }
    return _by_part(
        pen,
        "reasons",
        title,
        _("Decline code of the first failure; share recovered of closed cases, by amount."),
        failed,
        name=_reason,
        url=lambda part: pen.cases_by(reason=part.key),
    )


def what_brought_back(pen: Pen) -> Chart:
    parts = [part for part in pen.report.by(Dimension.CAUSE) if part.outcomes.recovered]
    first = parts[0] if parts else None
    return Chart(
        key="causes",
        title=_("What brought the money back")
        if first is None
        else _("%(cause)s brought back most: %(amount)s")
        % {
            "cause": _cause(first.key),
            "amount": pen.money(first.outcomes.recovered_minor),
        },
        subtitle=_("One cause per case: the last event before the payment."),
        kind="rows",
        drawing=charts.rows(
            [
                charts.BarRow(
                    _cause(part.key),
                    (float(part.outcomes.recovered_minor),),
                    text=pen.money(part.outcomes.recovered_minor),
                )
                for part in parts
            ]
        ),
        head=(_("Cause"), _("Recovered"), _("Cases")),
        rows=tuple(
            (
                _cause(part.key),
                pen.money(part.outcomes.recovered_minor),
                str(part.outcomes.recovered),
            )
            for part in parts
        ),
        file_head=("cause", "recovered", "currency", "cases"),
        file_rows=tuple(
            (
                part.key,
                pen.exact(part.outcomes.recovered_minor),
                pen.report.currency.upper(),
                part.outcomes.recovered,
            )
            for part in parts
        ),
        is_empty=not parts,
    )


def parts(pen: Pen, key: str, title: str, dimension: str) -> Chart:
    """Draw one dimension; countries and the banks of a country by their names."""
    names: dict[str, Callable[[str], str]] = {
        Dimension.COUNTRY: lambda key: _country(pen, key),
        Dimension.ISSUER: lambda key: _bank(pen, key),
    }
    return _by_part(
        pen,
        key,
        title,
        _("Share recovered of closed cases by amount; retries beside it."),
        pen.report.by(dimension),
        name=names.get(dimension, _plain),
    )


def _by_part(
    pen: Pen,
    key: str,
    title: str,
    subtitle: str,
    found: Sequence[Part],
    *,
    name: Callable[[str], str],
    url: Callable[[Part], str] = lambda _part: "",
) -> Chart:
    shown = [part for part in found if part.outcomes.failed or part.tries]
    return Chart(
        key=key,
        title=title,
        subtitle=subtitle,
        kind="shares",
        drawing=charts.rows(
            [
                charts.BarRow(
                    name(part.key),
                    (float(part.outcomes.rate.percent or 0),),
                    url(part),
                    f"{percent_words(part.outcomes.rate)} · {pen.money(part.outcomes.failed_minor)}",
                )
                for part in shown[:MOST_ROWS]
            ],
            most=100,
        ),
        head=(_("Name"), _("Recovered of closed"), _("Failed"), _("Cases"), _("Retries paid")),
        rows=tuple(
            (
                name(part.key),
                percent_words(part.outcomes.rate),
                pen.money(part.outcomes.failed_minor),
                str(part.outcomes.failed),
                f"{part.tries_paid} / {part.tries}",
            )
            for part in shown
        ),
        file_head=(
            "key",
            "recovered",
            "lost",
            "open",
            "stopped",
            "currency",
            "cases",
            "retries_made",
            "retries_paid",
        ),
        file_rows=tuple(
            (
                part.key,
                pen.exact(part.outcomes.recovered_minor),
                pen.exact(part.outcomes.lost_minor),
                pen.exact(part.outcomes.open_minor),
                pen.exact(part.outcomes.stopped_minor),
                pen.report.currency.upper(),
                part.outcomes.failed,
                part.tries,
                part.tries_paid,
            )
            for part in shown
        ),
        note=_("Fewer than ten closed cases show no share."),
        is_empty=not shown,
    )


def _reason(code: str) -> str:
    return _("No charge was made") if code == "no_charge" else words(Decline(code))


def _cause(key: str) -> str:
    return _(CAUSES[cast("Cause", key)])


def _country(pen: Pen, code: str) -> str:
    found = locale_of(pen.local.locale).territories.get(code) if len(code) == 2 else None
    return str(found or _plain(code))


def _bank(pen: Pen, key: str) -> str:
    brand, _space, code = key.partition(" ")
    return f"{_plain(brand)}, {_country(pen, code)}" if code else _plain(key)


def _plain(key: str) -> str:
    return key.replace("_", " ").capitalize() if key else _("Everyone else")
