"""The list of cases."""

import datetime as dt
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customers.payers import Payer, payer_of
from apps.dunning.rules import RetryRules
from apps.recovery import services
from apps.recovery.columns import CASES
from apps.recovery.forms import CaseFilterForm
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.figures import figures
from apps.recovery.queries.listing import (
    case_choices,
    counts,
    filtered_cases,
)
from apps.recovery.views.status import ShownStatus, retries_planned, shown_status
from apps.web.htmx import render_list
from apps.web.lists import page_of
from apps.web.spans import Locality
from apps.web.tools import ListTools

LOSING_ACCESS = "losing-access"


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One line of the list; `retries_total` is None where no number is planned.

    `access` is granted or revoked where the case changed it, else "".
    """

    case: RecoveryCase
    customer: Payer | None
    shown: ShownStatus
    retries_total: int | None
    access: str = ""


@require_GET
@allow(Role.VIEWER)
def case_list(request: MerchantRequest) -> HttpResponse:
    """Show one tab of the cases; the results alone when htmx asks for them."""
    if request.GET.get("view") == LOSING_ACCESS:
        return redirect("access:losing")  # a page of a higher floor
    merchant = request.merchant
    local = Locality(merchant.zone, merchant.locale, clock.now())
    offered = case_choices(merchant=merchant)
    form = CaseFilterForm(request.GET, local=local, offered=offered)
    cases = filtered_cases(merchant=merchant, filters=form.filters())
    page = page_of(
        cases.order_by(*form.terms),
        terms=form.terms,
        cursor=request.GET.get("cursor", ""),
        size=form.size,
    )
    sums = figures(
        merchant=merchant,
        due_since=local.start_of(local.today),
        due_until=local.start_of(local.today + dt.timedelta(days=1)),
        recovered_since=local.start_of(local.today.replace(day=1)),
    )
    imported = 0
    if sums.imported.count:
        imported = services.imported_cases_to_take_over(merchant=merchant, now=local.now).count()
    counted = counts(merchant=merchant, cases=cases)
    context: dict[str, object] = {
        "form": form,
        "page": page,
        "total": counted.total,
        "tools": ListTools(CASES, form, request.membership, counted.tabs),
        "rows": [case_row(case) for case in page.rows],
        "is_new": not offered.currencies,
        "imported": imported,
        "figures": sums,
    }
    scope = f"{form.scope} · " if form.scope else ""
    title = f"{scope}{gettext('Recovery')} · {merchant.name}"
    return render_list(request, app="recovery", context=context, query=form.query(), title=title)


def case_row(case: RecoveryCase) -> CaseRow:
    """Return what the list shows of a case selected by `filtered_cases`; no query."""
    unsettled: str | None = getattr(case, "unsettled", None)
    return CaseRow(
        case=case,
        customer=payer_of(case),
        shown=shown_status(case, unsettled=unsettled or ""),
        retries_total=retries_planned(case, RetryRules.from_json(case.rules)),
        access=str(getattr(case, "access", None) or "").removeprefix("access_"),
    )
