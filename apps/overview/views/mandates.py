"""The mandates of the merchant's bank accounts, beside what their schemes allow."""

from collections import Counter
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customers.models import PaymentMethod
from apps.customers.queries import mandates_of_debits
from apps.dunning.limits import DEBIT_SCHEMES
from apps.web.htmx import wants_fragment

Mandate = PaymentMethod.Mandate


@dataclass(frozen=True, slots=True)
class SchemeMandates:
    """How many accounts of one scheme are on file, by the state of their mandate."""

    name: str
    url: str
    active: int
    pending: int
    inactive: int
    untold: int


@require_GET
@allow(Role.VIEWER)
def mandates(request: MerchantRequest) -> HttpResponse:
    """Count the bank accounts on file by scheme and by what Stripe last said of their mandate."""
    counts: dict[str, Counter[str]] = {}
    urls: dict[str, str] = {}
    for method_type, found in mandates_of_debits(merchant=request.merchant).items():
        scheme = DEBIT_SCHEMES[method_type]
        counts[scheme.name] = counts.get(scheme.name, Counter()) + found
        urls[scheme.name] = scheme.mandate_url
    rows = [_row(name, urls[name], found) for name, found in sorted(counts.items())]
    name = "_mandates.html" if wants_fragment(request) else "mandates.html"
    return render(request, f"overview/{name}", {"rows": rows})


def _row(name: str, url: str, found: Counter[str]) -> SchemeMandates:
    told = {state: found[state] for state in Mandate.values}
    return SchemeMandates(
        name=name,
        url=url,
        active=told[Mandate.ACTIVE],
        pending=told[Mandate.PENDING],
        inactive=told[Mandate.INACTIVE],
        untold=found.total() - sum(told.values()),
    )
