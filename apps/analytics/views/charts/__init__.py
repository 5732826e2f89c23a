"""The charts of a report: each answers one question, with the table behind it."""

import datetime as dt
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from apps.analytics.models import DayBreakdown
from apps.analytics.queries.report import Report
from apps.analytics.views.charts.base import Chart, Pen
from apps.analytics.views.charts.breakdowns import parts, what_brought_back, why
from apps.analytics.views.charts.over_time import (
    failure_rate,
    recovery_rate,
    what_became,
    what_is_coming,
)
from apps.analytics.views.charts.retries import how_fast, when, which_try
from apps.web.spans import Locality

__all__ = ["Chart", "charts_of"]

Dimension = DayBreakdown.Dimension


def charts_of(
    report: Report,
    *,
    coming: Mapping[dt.date, tuple[int, int]],
    local: Locality,
    cases_url: str,
) -> list[Chart]:
    """Give all charts of a report, in the order of their questions."""
    pen = Pen(report, local, cases_url)
    return list(_all(pen, coming))


def _all(pen: Pen, coming: Mapping[dt.date, tuple[int, int]]) -> Iterator[Chart]:
    yield what_became(pen)
    yield recovery_rate(pen)
    yield failure_rate(pen)
    yield why(pen)
    yield what_brought_back(pen)
    yield which_try(pen)
    yield how_fast(pen)
    yield when(pen)
    yield parts(pen, "networks", _("By card network"), Dimension.NETWORK)
    yield parts(pen, "countries", _("By country"), Dimension.COUNTRY)
    yield parts(pen, "issuers", _("By bank, as far as its card tells"), Dimension.ISSUER)
    yield parts(pen, "methods", _("By payment method"), Dimension.METHOD)
    yield parts(pen, "strategies", _("By strategy"), Dimension.STRATEGY)
    yield parts(pen, "segments", _("By segment"), Dimension.SEGMENT)
    yield what_is_coming(pen, coming)
