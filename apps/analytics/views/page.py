"""Figures of a period: every number with its definition, every chart with its table and file."""

import datetime as dt
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.analytics.forms import PeriodForm
from apps.analytics.queries.coming import coming_by_day
from apps.analytics.queries.report import Choices, Report, choices, report
from apps.analytics.views.charts import Chart, charts_of
from apps.analytics.views.figures import figures_of
from apps.web.csv import csv_chunks, csv_response
from apps.web.spans import Locality

DEFAULT_PERIOD = "90"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the address asks for, loaded."""

    form: PeriodForm
    report: Report
    offered: Choices
    offer: str
    local: Locality

    @property
    def query(self) -> str:
        """Return the address's choices, without empty ones, sorted."""
        chosen = {name: str(value) for name, value in self.form.data.items() if value}
        return urlencode(sorted(chosen.items()))


@require_GET
@allow(Role.VIEWER)
def page(request: MerchantRequest) -> HttpResponse:
    """Show a period of one currency."""
    shown = _load(request)
    charts = _charts(request, shown)
    context = {
        "form": shown.form,
        "report": shown.report,
        "figures": figures_of(shown.report, local=shown.local),
        "charts": charts,
        "currencies": shown.offered.currencies,
        "offers": shown.offered.offers,
        "offer": shown.offer,
        "query": shown.query,
        "is_empty": not shown.offered.currencies,
        "is_behind": shown.offered.is_behind,
    }
    return render(request, "analytics/page.html", context)


@require_GET
@allow(Role.VIEWER)
def chart_csv(request: MerchantRequest, chart: str) -> HttpResponseBase:
    """Give the table behind one chart as a file."""
    shown = _load(request)
    found = next((one for one in _charts(request, shown) if one.key == chart), None)
    if found is None:
        raise Http404
    period = shown.report.period
    name = f"{slugify(found.key)}-{period.first}-{period.last}-{shown.report.currency}.csv"
    chunks = csv_chunks(found.file_head, found.file_rows, zone=request.merchant.zone)
    return csv_response(name, chunks)


def _load(request: MerchantRequest) -> Shown:
    merchant = request.merchant
    local = Locality(merchant.zone, merchant.locale, clock.now())
    form = PeriodForm({"period": DEFAULT_PERIOD} | request.GET.dict())
    period = form.chosen(local)
    offered = choices(merchant=merchant, period=period)
    found = offered.currencies
    asked = str(request.GET.get("currency", "")).lower()
    currency = asked if asked in found else (found[0] if found else "usd")
    offer = str(request.GET.get("offer", ""))
    offer = offer if offer in offered.offers else ""
    return Shown(
        form=form,
        report=report(
            merchant=merchant,
            period=period,
            currency=currency,
            offer=offer,
            compare=form.compares,
        ),
        offered=offered,
        offer=offer,
        local=local,
    )


def _charts(request: MerchantRequest, shown: Shown) -> list[Chart]:
    today = shown.local.today
    coming = coming_by_day(
        merchant=request.merchant,
        currency=shown.report.currency,
        since=shown.local.start_of(today),
        until=shown.local.start_of(today + dt.timedelta(days=14)),
    )
    return charts_of(
        shown.report, coming=coming, local=shown.local, cases_url=reverse("recovery:list")
    )
