"""Below the charts of the figures, loaded by themselves: emails, and the first 90 days."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.analytics.forms import PeriodForm
from apps.analytics.queries.report import Period, choices
from apps.analytics.views.page import DEFAULT_PERIOD
from apps.overview.more_figures import baseline, mail_chart, mail_figures
from apps.web.csv import csv_chunks, csv_response
from apps.web.htmx import wants_fragment
from apps.web.spans import Locality


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for, as the page of the figures reads it."""

    local: Locality
    period: Period
    offer: str
    currency: str


@require_GET
@allow(Role.VIEWER)
def more_figures(request: MerchantRequest) -> HttpResponse:
    """Show whether emails work, and the merchant's own first 90 days."""
    asked = _asked(request)
    found = mail_figures(
        merchant=request.merchant, period=asked.period, local=asked.local, offer=asked.offer
    )
    context = {
        "chart": mail_chart(found),
        "baseline": baseline(
            merchant=request.merchant,
            period=asked.period,
            currency=asked.currency,
            local=asked.local,
        ),
        "query": request.GET.urlencode(),
    }
    name = "_more_figures.html" if wants_fragment(request) else "more_figures.html"
    return render(request, f"overview/{name}", context)


@require_GET
@allow(Role.VIEWER)
def emails_csv(request: MerchantRequest) -> HttpResponseBase:
    """Give the table about emails as a file."""
    asked = _asked(request)
    chart = mail_chart(
        mail_figures(
            merchant=request.merchant, period=asked.period, local=asked.local, offer=asked.offer
        )
    )
    name = f"{slugify(chart.key)}-{asked.period.first}-{asked.period.last}.csv"
    return csv_response(
        name, csv_chunks(chart.file_head, chart.file_rows, zone=request.merchant.zone)
    )


def _asked(request: MerchantRequest) -> Asked:
    merchant = request.merchant
    local = Locality(merchant.zone, merchant.locale, clock.now())
    form = PeriodForm({"period": DEFAULT_PERIOD} | request.GET.dict())
    period = form.chosen(local)
    offered = choices(merchant=merchant, period=period)
    currency, offer = (str(request.GET.get(name, "")) for name in ("currency", "offer"))
    return Asked(
        local=local,
        period=period,
        offer=offer if offer in offered.offers else "",
        currency=currency.lower()
        if currency.lower() in offered.currencies
        else next(iter(offered.currencies), "usd"),
    )
