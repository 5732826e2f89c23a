"""The Subscriptions page and one subscription."""

from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customers.queries import methods_of
from apps.recovery.models import RecoveryCase
from apps.recovery.views.bulk import ask_for_cases_of
from apps.subscriptions import queries
from apps.subscriptions.columns import SUBSCRIPTIONS
from apps.subscriptions.forms import SubscriptionFilterForm
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.web.filters import ListForm
from apps.web.htmx import render_list
from apps.web.lists import page_of
from apps.web.spans import Locality
from apps.web.tools import ListTools

PAYMENTS_SHOWN = 12


@require_safe
@allow(Role.VIEWER)
def subscription_list(request: MerchantRequest) -> HttpResponse:
    form = _form(request)
    rows = queries.filtered(merchant=request.merchant, filters=form.filters())
    page = page_of(
        queries.ordered(rows, sort=form.sort_key),
        terms=form.terms,
        cursor=request.GET.get("cursor", ""),
        size=form.size,
    )
    scope = f"{form.scope} · " if form.scope else ""
    tools = ListTools(SUBSCRIPTIONS, form, request.membership, _tab_counts(form, request))
    context = {"form": form, "page": page, "tools": tools, "summary": queries.summary(rows)}
    title = f"{scope}{gettext('Subscriptions')} · {request.merchant.name}"
    return render_list(
        request, app="subscriptions", context=context, query=form.query(), title=title
    )


@require_POST
@allow(Role.SUPPORT)
def bulk_cases(request: MerchantRequest, verb: str) -> HttpResponse:
    """Ask before doing something about the cases of many subscriptions; others stay out."""
    return ask_for_cases_of(
        request,
        verb=verb,
        rows=Subscription.objects.for_merchant(request.merchant),
        shown=lambda query: queries.filtered(
            merchant=request.merchant, filters=_form(request, query).filters()
        ),
        order="-started_at",
    )


@require_safe
@allow(Role.VIEWER)
def subscription_detail(request: MerchantRequest, subscription_id: int) -> HttpResponse:
    merchant = request.merchant
    row = get_object_or_404(Subscription.objects.for_merchant(merchant), pk=subscription_id)
    case = None
    if row.case_id:
        case = RecoveryCase.objects.for_merchant(merchant).filter(pk=row.case_id).first()
    payments = (
        Transaction.objects.for_merchant(merchant)
        .filter(stripe_subscription_id=row.stripe_subscription_id)
        .order_by("-at", "-id")
    )
    shown = list(payments[:PAYMENTS_SHOWN])
    is_plan = row.kind == Subscription.Kind.PAYMENT_PLAN
    is_owed = Q(status__in=Transaction.FAILED_STATUSES)
    if is_plan:  # written off is a gap all the same
        is_owed |= Q(invoice_status="uncollectible")
    owed = payments.filter(is_owed).order_by("at", "id")
    context = {
        "row": row,
        "case": case,
        "payments": shown,
        "latest": next((one for one in shown if one.stripe_invoice_id), None),
        "missed": list(owed[:PAYMENTS_SHOWN]) if row.amount_due_minor or is_plan else [],
        "methods": methods_of(merchant=merchant, customer_id=row.stripe_customer_id),
    }
    return render(request, "subscriptions/detail.html", context)


def _tab_counts(form: ListForm, request: MerchantRequest) -> dict[str, int]:
    return {} if form.value("q") else queries.tab_counts(merchant=request.merchant)


def _form(request: MerchantRequest, data: QueryDict | None = None) -> SubscriptionFilterForm:
    merchant = request.merchant
    return SubscriptionFilterForm(
        request.GET if data is None else data,
        local=Locality(merchant.zone, merchant.locale, clock.now()),
        offered=queries.filter_choices(merchant=merchant),
    )
