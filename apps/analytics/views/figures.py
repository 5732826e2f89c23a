"""The row of figures above the charts, each with its definition, its change and its claims."""

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.analytics.queries.report import Report, Totals
from apps.dunning.metrics.definitions import CLAIMS, DEFINITIONS, Claim, Figure
from apps.dunning.metrics.rates import Share, change
from apps.dunning.money import Money
from apps.web.charts import spark
from apps.web.formats import format_money, format_number
from apps.web.spans import Locality

MOST_SPARK = 12


@dataclass(frozen=True, slots=True)
class Shown:
    """One figure: `beside` stands under the value, `tone` says whether the change is good."""

    label: str
    value: str
    beside: str
    definition: str
    change: str
    tone: str
    spark: str
    claims: tuple[Claim, ...]


def figures_of(report: Report, *, local: Locality) -> list[Shown]:
    """Give the six figures of a period."""
    total, before = report.total, report.previous
    money = Writer(report, local)
    outcomes = total.outcomes
    return [
        money.shown(
            "failed",
            _("Failed"),
            money.amount(outcomes.failed_minor),
            _cases(outcomes.failed),
            now=outcomes.failed_minor,
            then=before.outcomes.failed_minor if before else None,
            good=-1,
            values=[one.outcomes.failed_minor for one in money.steps],
        ),
        money.rate(
            "failure_rate",
            _("Failure rate"),
            total.failure_rate,
            _("%(n)s first tries") % {"n": format_number(total.first_tries, locale=local.locale)},
            before.failure_rate if before else None,
            good=-1,
            values=[one.failure_rate for one in money.steps],
        ),
        money.shown(
            "recovered",
            _("Recovered"),
            money.amount(outcomes.recovered_minor),
            _cases(outcomes.recovered),
            now=outcomes.recovered_minor,
            then=before.outcomes.recovered_minor if before else None,
            good=1,
            values=[one.outcomes.recovered_minor for one in money.steps],
        ),
        money.rate(
            "recovery_rate",
            _("Recovery rate"),
            outcomes.rate,
            money.beside_rate(total),
            before.outcomes.rate if before else None,
            good=1,
            values=[one.outcomes.rate for one in money.steps],
        ),
        money.shown(
            "lost",
            _("Lost"),
            money.amount(outcomes.lost_minor),
            _cases(outcomes.lost),
            now=outcomes.lost_minor,
            then=before.outcomes.lost_minor if before else None,
            good=-1,
            values=[one.outcomes.lost_minor for one in money.steps],
        ),
        money.time_to_recovery(total, before),
    ]


def came_back(report: Report, *, local: Locality) -> Shown:
    """Give what was paid on cases in a period, by payment date, whenever they failed."""
    writer, total, before = Writer(report, local), report.total, report.previous
    return writer.shown(
        "recovered_by_payment",
        _("Recovered"),
        writer.amount(total.came_back_minor),
        _cases(total.came_back),
        now=total.came_back_minor,
        then=before.came_back_minor if before else None,
        good=1,
        values=[one.came_back_minor for one in writer.steps],
    )


class Writer:
    """Writes the figures of one report in the merchant's locale."""

    def __init__(self, report: Report, local: Locality) -> None:
        self._currency, self._local = report.currency, local
        self.steps = _steps(report)

    def amount(self, minor: int) -> str:
        return format_money(Money(minor, self._currency), locale=self._local.locale)

    def shown(
        self,
        figure: Figure,
        label: str,
        value: str,
        beside: str,
        *,
        now: int,
        then: int | None,
        good: int,
        values: list[int],
    ) -> Shown:
        changed = change(now, then) if then is not None else None
        return Shown(
            label=label,
            value=value,
            beside=beside,
            definition=DEFINITIONS[figure],
            change=_change(changed),
            tone=_tone(changed, good),
            spark=spark(values),
            claims=_claims(figure),
        )

    def rate(
        self,
        figure: Figure,
        label: str,
        share: Share,
        beside: str,
        before: Share | None,
        *,
        good: int,
        values: list[Share],
    ) -> Shown:
        points = None
        if before is not None and share.percent is not None and before.percent is not None:
            points = share.percent - before.percent
        return Shown(
            label=label,
            value=percent_words(share),
            beside=beside if share.percent is not None else _("Too few to tell"),
            definition=DEFINITIONS[figure],
            change=_points(points),
            tone=_tone(None if points is None else Fraction(points), good),
            spark=spark([None if (value := one.value) is None else float(value) for one in values]),
            claims=_claims(figure),
        )

    def time_to_recovery(self, total: Totals, before: Totals | None) -> Shown:
        median, mean = total.median_days, total.mean_days
        earlier = before.median_days if before else None
        moved = None if median is None or earlier is None else median - earlier
        return Shown(
            label=_("Median days to recovery"),
            value=_dash() if median is None else f"{median:.1f}",
            beside=_("Too few to tell") if mean is None else _("Mean %(n).1f") % {"n": mean},
            definition=DEFINITIONS["time_to_recovery"],
            change="" if moved is None else _("%(n)+.1f days") % {"n": moved},
            tone=_tone(None if moved is None else Fraction(moved), -1),
            spark=spark([one.median_days for one in self.steps]),
            claims=_claims("time_to_recovery"),
        )

    def beside_rate(self, total: Totals) -> str:
        by_count = total.outcomes.rate_by_count.percent
        still_open = total.outcomes.still_open.percent or 0
        return _("By count %(count)d %% · %(open)d %% still open") % {
            "count": by_count or 0,
            "open": still_open,
        }


def percent_words(share: Share) -> str:
    """Write a share: "68 %", or a dash where there are too few to tell."""
    return _dash() if share.percent is None else f"{share.percent}\N{NO-BREAK SPACE}%"


def _steps(report: Report) -> list[Totals]:
    """Cut a period into twelve parts, for the sparks."""
    size = -(-report.period.days // MOST_SPARK)
    found = []
    for start in range(0, report.period.days, size):
        part = Totals()
        for n in range(start, min(start + size, report.period.days)):
            part += report.days.get(report.period.first + dt.timedelta(days=n), Totals())
        found.append(part)
    return found


def _cases(count: int) -> str:
    return ngettext("%(n)d case", "%(n)d cases", count) % {"n": count}


def _claims(figure: Figure) -> tuple[Claim, ...]:
    return tuple(claim for claim in CLAIMS if claim.figure == figure)


def _change(changed: Fraction | None) -> str:
    return "" if changed is None else f"{round(changed * 100):+d}\N{NO-BREAK SPACE}%"


def _points(points: int | None) -> str:
    return "" if points is None else _("%(n)+d points") % {"n": points}


def _tone(changed: Fraction | None, good: int) -> str:
    if not changed:
        return "mute"
    return "ok" if (changed > 0) == (good > 0) else "bad"


def _dash() -> str:
    return "\N{EN DASH}"
