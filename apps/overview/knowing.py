"""What Home knows beyond its cases: the last 30 days in figures, what is coming, what is wrong."""

import datetime as dt
from dataclasses import dataclass

from apps.accounts.models import Merchant
from apps.analytics.models import Alert
from apps.analytics.queries.coming import coming_by_day
from apps.analytics.queries.report import Period, Report, choices, report
from apps.analytics.views.charts import Chart
from apps.analytics.views.charts.base import Pen
from apps.analytics.views.charts.over_time import what_is_coming
from apps.analytics.views.figures import Shown, came_back, figures_of
from apps.overview.alert_links import Link, next_step
from apps.web.spans import Locality

DAYS = 30
COMING_DAYS = 14
MOST_ALERTS = 3

FAILED, RATE, LOST = 0, 3, 4
"""Their places in the row of figures."""


@dataclass(frozen=True, slots=True)
class Known:
    """The last 30 days against the 30 before, in the currency of most cases.

    `failed` stands under what is at risk now: how much came to it; `came_back` by payment date.
    """

    currency: str
    failed: Shown
    came_back: Shown
    rate: Shown
    lost: Shown
    coming: Chart
    alerts: list[tuple[Alert, Link]]
    alerts_total: int


def known(*, merchant: Merchant, local: Locality, currency: str, cases_url: str) -> Known:
    """Gather it from the counted days; `currency` is "" where no case is open. Five queries."""
    period = Period(local.today - dt.timedelta(days=DAYS - 1), local.today)
    offered = () if currency else choices(merchant=merchant, period=period).currencies
    chosen = currency or next(iter(offered), "usd")
    found = report(
        merchant=merchant, period=period, currency=chosen, compare=True, with_parts=False
    )
    shown = figures_of(found, local=local)
    open_ = list(Alert.objects.for_merchant(merchant).open().order_by("-is_critical", "id"))
    return Known(
        currency=chosen,
        failed=shown[FAILED],
        came_back=came_back(found, local=local),
        rate=shown[RATE],
        lost=shown[LOST],
        coming=_coming(merchant, found, local, cases_url),
        alerts=[(alert, next_step(alert)) for alert in open_[:MOST_ALERTS]],
        alerts_total=len(open_),
    )


def _coming(merchant: Merchant, found: Report, local: Locality, cases_url: str) -> Chart:
    coming = coming_by_day(
        merchant=merchant,
        currency=found.currency,
        since=local.start_of(local.today),
        until=local.start_of(local.today + dt.timedelta(days=COMING_DAYS)),
    )
    return what_is_coming(Pen(found, local, cases_url), coming)
