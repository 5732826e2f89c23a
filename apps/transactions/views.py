"""The Transactions page and one transaction."""

from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.recovery.models import RecoveryCase
from apps.recovery.views.bulk import ask_for_cases_of
from apps.transactions import queries
from apps.transactions.columns import TRANSACTIONS
from apps.transactions.forms import TransactionFilterForm
from apps.transactions.models import Transaction
from apps.web.filters import ListForm
from apps.web.htmx import render_list
from apps.web.lists import page_of
from apps.web.spans import Locality
from apps.web.tools import ListTools


@require_safe
@allow(Role.VIEWER)
def transaction_list(request: MerchantRequest) -> HttpResponse:
    form = _form(request)
    rows = queries.filtered(merchant=request.merchant, filters=form.filters())
    page = page_of(
        queries.ordered(rows, sort=form.sort_key),
        terms=form.terms,
        cursor=request.GET.get("cursor", ""),
        size=form.size,
    )
    scope = f"{form.scope} · " if form.scope else ""
    tools = ListTools(TRANSACTIONS, form, request.membership, _tab_counts(form, request))
    context = {"form": form, "page": page, "tools": tools, "summary": queries.summary(rows)}
    title = f"{scope}{gettext('Transactions')} · {request.merchant.name}"
    return render_list(
        request, app="transactions", context=context, query=form.query(), title=title
    )


@require_POST
@allow(Role.SUPPORT)
def bulk_cases(request: MerchantRequest, verb: str) -> HttpResponse:
    """Ask before doing something about the cases of many payments; those without one stay out."""
    return ask_for_cases_of(
        request,
        verb=verb,
        rows=Transaction.objects.for_merchant(request.merchant),
        shown=lambda query: queries.filtered(
            merchant=request.merchant, filters=_form(request, query).filters()
        ),
        order="-at",
    )


@require_safe
@allow(Role.VIEWER)
def transaction_detail(request: MerchantRequest, transaction_id: int) -> HttpResponse:
    rows = Transaction.objects.for_merchant(request.merchant)
    row = get_object_or_404(rows, pk=transaction_id)
    case = None
    if row.case_id:
        cases = RecoveryCase.objects.for_merchant(request.merchant)
        case = cases.filter(pk=row.case_id).first()
    tries = list(queries.tries_of(row).select_related("attempt"))
    context = {"row": row, "tries": tries, "case": case}
    return render(request, "transactions/detail.html", context)


def _tab_counts(form: ListForm, request: MerchantRequest) -> dict[str, int]:
    return {} if form.value("q") else queries.tab_counts(merchant=request.merchant)


def _form(request: MerchantRequest, data: QueryDict | None = None) -> TransactionFilterForm:
    merchant = request.merchant
    return TransactionFilterForm(
        request.GET if data is None else data,
        local=Locality(merchant.zone, merchant.locale, clock.now()),
        offered=queries.filter_choices(merchant=merchant),
    )
