"""Pages that stand above all others."""

import datetime as dt

from django.conf import settings
from django.db.models import Value
from django.db.models.functions import Lower
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.customers.models import Customer
from apps.dunning_emails.models import BouncedAddress
from apps.integrations.queries import switched_off
from apps.overview import queries
from apps.overview.knowing import known
from apps.overview.metrics import exposition
from apps.overview.setup import setup_of
from apps.overview.views.setup import steps_context
from apps.recovery.models import RecoveryCase, RecoveryCaseQuerySet
from apps.recovery.queries.figures import figures
from apps.recovery.queries.listing import CaseFilters, filtered_cases
from apps.recovery.views.cases import CaseRow, case_row
from apps.web.spans import Locality
from apps.webhooks.queries import import_progress

RECENT_DAYS = 30
MOST_ATTENTION = 7
MOST_RECENT = 5
MOST_TOMORROW = 50
LOOKED_AT = 200
"""Cases among which the largest are picked; amounts of two currencies cannot be sorted in SQL."""


@require_GET
@allow(Role.VIEWER)
def home(request: MerchantRequest) -> HttpResponse:
    """Show what needs somebody today, what is coming and what came back."""
    merchant, now = request.merchant, clock.now()
    importing = import_progress(merchant)
    setup = setup_of(merchant, progress=importing)
    if not merchant.stripe_account_id:
        return render(request, "overview/home.html", steps_context(request, setup))
    local = Locality(merchant.zone, merchant.locale, now)
    found = figures(
        merchant=merchant,
        due_since=local.start_of(local.today),
        due_until=local.start_of(local.today + dt.timedelta(days=1)),
        recovered_since=local.start_of(local.today - dt.timedelta(days=RECENT_DAYS - 1)),
    )
    attention = filtered_cases(merchant=merchant, filters=CaseFilters(view="attention"))
    recovered = filtered_cases(merchant=merchant, filters=CaseFilters(view="recovered"))
    by_weight = {money.currency: place for place, money in enumerate(found.at_risk.amounts)}
    waiting = sorted(
        attention.order_by("-failed_at").values_list("currency", "amount_due_minor", "pk")[
            :LOOKED_AT
        ],
        key=lambda case: (by_weight[case[0]], -case[1]),
    )
    heaviest = attention.filter(pk__in=[pk for *_, pk in waiting[:MOST_ATTENTION]])
    mailless = _mails_come_back(merchant)
    shown = _marked(mailless, bounced=True).union(
        _marked(heaviest.order_by("pk"), bounced=False),
        _marked(_last_try_tomorrow(merchant, local), bounced=False),
        _marked(recovered.order_by("-closed_at")[:MOST_RECENT], bounced=False),
        all=True,
    )
    # A case may be there for two reasons; that its mails come back says more.
    by_case = {
        case.pk: case for case in sorted(shown, key=lambda case: getattr(case, "is_bounced", False))
    }
    rows = [case_row(case) for case in by_case.values()]
    context = {
        "figures": found,
        "importing": importing,
        "setup": setup,
        "webhooks_off": switched_off(merchant=merchant).count(),
        "attention": _weightiest(rows, by_weight),
        "attention_total": len(waiting),
        "recovered": sorted(
            (row for row in rows if row.case.status != "open"),
            key=lambda row: row.case.closed_at or now,
            reverse=True,
        ),
        "known": known(
            merchant=merchant,
            local=local,
            currency=found.at_risk.amounts[0].currency if found.at_risk.amounts else "",
            cases_url=reverse("recovery:list"),
        ),
        "recent_days": RECENT_DAYS,
    }
    return render(request, "overview/home.html", context)


def _last_try_tomorrow(merchant: Merchant, local: Locality) -> RecoveryCaseQuerySet:
    """Select cases whose next try is tomorrow; `_weightiest` keeps those whose last it is."""
    filters = CaseFilters(
        view="retrying",
        next_since=local.start_of(local.today + dt.timedelta(days=1)),
        next_until=local.start_of(local.today + dt.timedelta(days=2)),
    )
    found = filtered_cases(merchant=merchant, filters=filters)
    return found.order_by("-amount_due_minor")[:MOST_TOMORROW]


def _mails_come_back(merchant: Merchant) -> RecoveryCaseQuerySet:
    """Select open cases whose customer gets no mail any more, the largest first."""
    customers = (
        Customer.objects.for_merchant(merchant)
        .annotate(address=Lower("email"))
        .filter(address__in=BouncedAddress.objects.for_merchant(merchant).values("email"))
    )
    found = filtered_cases(merchant=merchant, filters=CaseFilters()).filter(
        stripe_customer_id__in=customers.values("stripe_customer_id")
    )
    return found.order_by("-amount_due_minor")[:MOST_ATTENTION]


def _marked(cases: RecoveryCaseQuerySet, *, bounced: bool) -> RecoveryCaseQuerySet:
    return cases.annotate(is_bounced=Value(bounced))


def _weightiest(rows: list[CaseRow], by_weight: dict[str, int]) -> list[CaseRow]:
    """Keep at most seven open cases that need somebody, most money first."""
    found = [
        row
        for row in rows
        if row.case.status == "open"
        and (
            getattr(row.case, "is_bounced", False)
            or row.case.next_step not in (RecoveryCase.Step.RETRY, RecoveryCase.Step.STRIPE)
            or row.retries_total == row.case.retries_made + 1
        )
    ]
    found.sort(key=lambda row: (by_weight[row.case.currency], -row.case.amount_due_minor))
    return found[:MOST_ATTENTION]


@never_cache
@require_GET
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 while everything works, else 503 with the failing parts named.

    For load balancers: no sign-in and no session; it tells nothing about merchants.
    """
    health = queries.health(now=dt.datetime.now(dt.UTC), business_now=clock.now())
    return JsonResponse(
        {
            "status": "failing" if health.failing else "ok",
            "failing": health.failing,
            "parts": health.parts,
            "seconds_since_webhook": health.seconds_since_webhook,
            "charging": health.charging,
        },
        status=503 if health.failing else 200,
    )


@never_cache
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Give Prometheus the figures an operator alarms on; no session, nothing about customers.

    404 where no METRICS_TOKEN is set: an address of this machine proves nothing behind a proxy.
    """
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not constant_time_compare(given, f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    text, content_type = exposition(now=clock.now(), real_now=dt.datetime.now(dt.UTC))
    return HttpResponse(text, content_type=content_type)
