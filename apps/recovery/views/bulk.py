"""The same for many cases: pick, confirm with counts and totals, then a result for each."""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.request import QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from kombu.exceptions import OperationalError

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.money import Money
from apps.recovery import tasks
from apps.recovery.forms import BulkForm, CaseFilterForm
from apps.recovery.models import BulkItem, BulkRun, RecoveryCase
from apps.recovery.queries.listing import case_choices, customers_of, filtered_cases
from apps.recovery.services.bulk import MOST_CASES, CountChanged, actionable, start_bulk
from apps.recovery.services.manual import NotNow
from apps.recovery.views.actions import refuse_while_silent
from apps.recovery.views.bulk_words import BulkWords, bulk_words, done_word, run_title
from apps.web.htmx import wants_fragment
from apps.web.spans import Locality

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the confirmation says: which cases, over how much, and how many are left out."""

    verb: str
    cases: list[RecoveryCase]
    picked: int
    is_capped: bool

    @property
    def left_out(self) -> int:
        return self.picked - len(self.cases)

    @property
    def words(self) -> BulkWords:
        planned = (RecoveryCase.Step.RETRY, RecoveryCase.Step.STRIPE)
        return bulk_words(
            self.verb,
            n=len(self.cases),
            picked=self.picked,
            left_out=self.left_out,
            planned=sum(case.next_step in planned for case in self.cases),
        )

    @property
    def totals(self) -> list[Money]:
        sums: dict[str, int] = {}
        for case in self.cases:
            sums[case.currency] = sums.get(case.currency, 0) + case.amount_due_minor
        return [Money(minor, currency) for currency, minor in sorted(sums.items())]


@require_POST
@allow(Role.SUPPORT)
def bulk_cases(request: MerchantRequest, verb: str) -> HttpResponse:
    """Ask before doing the same to many: rows picked on the page, or the whole filtered list."""
    form = BulkForm(request.POST)
    form.full_clean()
    if form.cleaned_data.get("all"):
        merchant = request.merchant
        local = Locality(merchant.zone, merchant.locale, clock.now())
        query = QueryDict(form.cleaned_data["query"])
        filters = CaseFilterForm(
            query, local=local, offered=case_choices(merchant=merchant)
        ).filters()
        rows = filtered_cases(merchant=merchant, filters=filters)
        ids = list(rows.order_by("-failed_at").values_list("pk", flat=True)[: MOST_CASES + 1])
    else:
        ids = form.picked
    return ask_for_many(request, verb=verb, case_ids=ids)


def ask_for_cases_of(
    request: MerchantRequest,
    *,
    verb: str,
    rows: QuerySet[Any],
    shown: Callable[[QueryDict], QuerySet[Any]],
    order: str,
) -> HttpResponse:
    """Ask about the cases of rows picked on another list; rows without an open one stay out.

    `rows` are all of the merchant, `shown` those that a query of the list shows.
    """
    asked = BulkForm(request.POST)
    asked.full_clean()
    if asked.cleaned_data.get("all"):
        chosen = shown(QueryDict(asked.cleaned_data["query"])).filter(case_status="open")
    else:
        chosen = rows.filter(pk__in=asked.picked)
    found = chosen.order_by(order).values_list("case_id", "case_status")[: MOST_CASES + 1]
    ids = [case_id for case_id, status in found if case_id is not None and status == "open"]
    return ask_for_many(request, verb=verb, case_ids=ids, picked=len(found))


def ask_for_many(
    request: MerchantRequest,
    *,
    verb: str,
    case_ids: Sequence[int],
    picked: int | None = None,
    changed: bool = False,
) -> HttpResponse:
    """Show what would be done to which cases; what is confirmed is exactly these.

    `picked` is how many rows were chosen, where some of them have no case.
    """
    ids = list(dict.fromkeys(case_ids))
    chosen = len(ids) if picked is None else picked
    asked = Asked(
        verb=verb,
        cases=actionable(merchant=request.merchant, verb=verb, case_ids=ids),
        picked=min(chosen, MOST_CASES),
        is_capped=chosen > MOST_CASES,
    )
    context = {
        "asked": asked,
        "start_url": reverse(f"recovery:start_{verb}"),
        "changed": changed,
        "key": uuid.uuid4(),
        "most": MOST_CASES,
    }
    return render(request, "recovery/bulk_confirm.html", context, status=422 if changed else 200)


@require_POST
@allow(Role.SUPPORT)
def start_bulk_cases(request: MerchantRequest, verb: str) -> HttpResponse:
    """Keep what was confirmed and hand it to a worker."""
    form = BulkForm(request.POST)
    form.full_clean()
    key, confirmed = form.cleaned_data.get("key"), form.cleaned_data.get("confirmed")
    unread = verb == BulkRun.Verb.LOSE and not form.cleaned_data.get("despite_warnings")
    if not key or confirmed is None or unread:
        return ask_for_many(request, verb=verb, case_ids=form.picked)
    try:
        if verb in (BulkRun.Verb.RETRY, BulkRun.Verb.LOSE):
            refuse_while_silent()
        run = start_bulk(
            merchant=request.merchant,
            verb=verb,
            case_ids=form.picked,
            confirmed=confirmed,
            key=key,
            user=request.user,
            now=clock.now(),
        )
    except NotNow as why:
        messages.warning(request, str(why))
        return ask_for_many(request, verb=verb, case_ids=form.picked)
    except CountChanged:
        return ask_for_many(request, verb=verb, case_ids=form.picked, changed=True)
    try:
        tasks.run_bulk.apply_async(kwargs={"run_id": run.pk}, retry=False)
    except (OperationalError, OSError):
        logger.warning("The broker is not reachable; bulk run %s waits for the sweep.", run.pk)
    return redirect("recovery:bulk_result", run_id=run.pk)


@require_GET
@allow(Role.VIEWER)
def bulk_result(request: MerchantRequest, run_id: int) -> HttpResponse:
    """Show what became of each case; asked again while something waits."""
    run = get_object_or_404(BulkRun.objects.for_merchant(request.merchant), pk=run_id)
    items = list(_items(run))
    left = sum(item.status in (BulkItem.Status.WAITING, BulkItem.Status.WORKING) for item in items)
    settling = any(item.attempt and item.attempt.status in UNDER_WAY for item in items)
    again = [item.case_id for item in items if item.attempt and item.attempt.status == "declined"]
    customers = customers_of(merchant=request.merchant, cases=[item.case for item in items])
    context = {
        "run": run,
        "rows": [(item, customers.get(item.case.stripe_customer_id)) for item in items],
        "done": len(items) - left,
        "total": len(items),
        "polls": bool(left) or settling,
        "again": again,
        "title": run_title(run.verb, len(items)),
        "done_word": done_word(run.verb),
    }
    name = "_bulk_result.html" if wants_fragment(request, target="bulk") else "bulk_result.html"
    return render(request, f"recovery/{name}", context)


UNDER_WAY = ("running", "unknown")


def _items(run: BulkRun) -> QuerySet[BulkItem]:
    return run.items.select_related("case", "attempt").order_by("id")
