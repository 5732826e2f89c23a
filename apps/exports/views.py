"""Exports: the dialog of a list, the files asked for, and one of them."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.exports import queries, services
from apps.exports.cells import Column, Style
from apps.exports.files import MOST_PICKS, SOURCES, Selection, Source
from apps.exports.forms import ALL, ExportForm
from apps.exports.models import Export, ExportQuerySet
from apps.exports.services import TooManyRunning, Wish
from apps.web.csv import csv_response
from apps.web.htmx import wants_fragment
from apps.web.limits import is_over, seconds_left
from apps.web.preferences import export_of
from apps.web.services import keep_export

STREAMS_A_MINUTE = 20
"""Files that one person may stream in a minute of real time; each reads thousands of rows."""

QUICK_POLLS = 10
"""A page asks every 2 seconds this often, then every 5."""


@require_http_methods(["GET", "POST"])
@allow(Role.VIEWER)
def new_export(request: MerchantRequest, source_key: str) -> HttpResponseBase:
    """Ask what the file shall hold; then send it, or queue it where it is long."""
    source = SOURCES.get(source_key)
    if source is None:
        raise Http404
    selection = source.select(
        merchant=request.merchant, query=request.GET.urlencode(), now=clock.now()
    )
    rows = selection.rows.order_by().count()
    if request.method == "GET":
        form = ExportForm(
            source=source, membership=request.membership, initial=_remembered(request, source)
        )
        return _ask(request, source, selection, form, rows)
    form = ExportForm(request.POST, source=source, membership=request.membership)
    if not form.is_valid():
        return _ask(request, source, selection, form, rows, status=422)
    return _give(request, source, selection, form, rows)


@require_POST
@allow(Role.VIEWER)
def selected(request: MerchantRequest, source_key: str) -> HttpResponse:
    """Lead from the rows picked in a list, or all it lists, to what their file shall hold."""
    if source_key not in SOURCES:
        raise Http404
    query = QueryDict(request.POST.get("query", ""), mutable=True)
    query.pop("pick", None)
    if not request.POST.get("all"):
        picks = request.POST.getlist("pick")[:MOST_PICKS]
        if not picks:
            return redirect(SOURCES[source_key].page.url_name)
        query.setlist("pick", picks)
    return redirect(f"{reverse('exports:new', args=[source_key])}?{query.urlencode()}")


@require_safe
@allow(Role.VIEWER)
def export_list(request: MerchantRequest) -> HttpResponse:
    """Show the exports a person may see, newest first."""
    rows = list(_visible(request)[: queries.SHOWN])
    context = {"rows": [(row, SOURCES[row.source]) for row in rows], "shown": queries.SHOWN}
    return render(request, "exports/list.html", context)


@require_safe
@allow(Role.VIEWER)
def export_page(request: MerchantRequest, export_id: uuid.UUID) -> HttpResponse:
    """Show one export; while it is unfinished the page asks again by itself."""
    export = _export(request, export_id)
    poll, said = (_number(request.GET.get(name, "")) for name in ("poll", "said"))
    quarter = export.percent // 25 if export.is_unfinished else 4
    context = {
        "export": export,
        "source": SOURCES[export.source],
        "next_poll": poll + 1,
        "pause": 2 if poll < QUICK_POLLS else 5,
        "quarter": quarter,
        "say": quarter > said or not poll,
        "may_retry": export.status in (Export.Status.FAILED, Export.Status.CANCELED),
    }
    is_part = wants_fragment(request, target="export")
    return render(request, f"exports/{'_export' if is_part else 'export'}.html", context)


@require_safe
@allow(Role.VIEWER)
def download(request: MerchantRequest, export_id: uuid.UUID) -> HttpResponseBase:
    """Send a ready file; what is not ready has a page that says so."""
    export = _export(request, export_id)
    if export.status != Export.Status.READY:
        return redirect("exports:detail", export_id)
    services.note_download(export=export, user=request.user, now=clock.now())
    response = csv_response(export.file_name, queries.file_pieces(export))
    response["Content-Length"] = str(export.size_bytes)
    return response


@require_POST
@allow(Role.VIEWER)
def cancel(request: MerchantRequest, export_id: uuid.UUID) -> HttpResponse:
    export = _export(request, export_id)
    if not services.cancel_export(export=export, user=request.user, now=clock.now()):
        messages.info(request, gettext("The export had finished already."))
    return redirect("exports:detail", export_id)


@require_POST
@allow(Role.VIEWER)
def retry(request: MerchantRequest, export_id: uuid.UUID) -> HttpResponse:
    export = _export(request, export_id)
    try:
        services.retry_export(export=export, user=request.user, now=clock.now())
    except TooManyRunning:
        messages.error(request, _wait_text())
    return redirect("exports:detail", export_id)


@require_POST
@allow(Role.VIEWER)
def delete(request: MerchantRequest, export_id: uuid.UUID) -> HttpResponse:
    export = _export(request, export_id)
    services.delete_export(export=export, user=request.user, now=clock.now())
    messages.success(request, gettext("%(file)s was deleted.") % {"file": export.file_name})
    return redirect("exports:list")


def _visible(request: MerchantRequest) -> ExportQuerySet:
    return queries.visible_exports(merchant=request.merchant, user=request.user, role=request.role)


def _export(request: MerchantRequest, export_id: uuid.UUID) -> Export:
    found: Export = get_object_or_404(_visible(request).select_related("merchant"), pk=export_id)
    return found


def _remembered(request: MerchantRequest, source: Source) -> dict[str, object]:
    listed = [column.key for column in source.listed(request.membership)]
    kept = export_of(request.membership, source.key)
    return {
        "key": uuid.uuid4(),
        "which": kept.get("which", ALL),
        "columns": kept.get("columns") or listed,
        "times": kept.get("times", "offset"),
        "zone": kept.get("zone") or request.merchant.zone.key,
    }


def _ask(
    request: MerchantRequest,
    source: Source,
    selection: Selection,
    form: ExportForm,
    rows: int,
    *,
    status: int = 200,
    problem: str = "",
) -> HttpResponse:
    context = {
        "source": source,
        "form": form,
        "rows": rows,
        "filters": selection.filters,
        "query": selection.query,
        "list_url": reverse(source.page.url_name),
        "is_long": rows > settings.EXPORT_STREAM_ROWS,
        "problem": problem,
    }
    is_part = wants_fragment(request, target="export-ask")
    name = "exports/_ask.html" if is_part else "exports/new.html"
    return render(request, name, context | {"is_part": is_part}, status=status)


def _give(
    request: MerchantRequest, source: Source, selection: Selection, form: ExportForm, rows: int
) -> HttpResponseBase:
    merchant, user, now, style = request.merchant, request.user, clock.now(), form.style
    columns = form.chosen
    keep_export(membership=request.membership, page=source.key, choice=form.remembered)
    word = "selected" if selection.picks else selection.form.file_word
    parts = [source.key, word, f"{selection.form.local.today:%Y-%m-%d}"]
    wish = Wish(
        source=source.key,
        query=selection.query,
        filters=selection.filters,
        columns=[column.key for column in columns],
        zone=style.zone.key,
        with_offset=style.with_offset,
        file_name="-".join(part for part in parts if part) + ".csv",
        rows=rows,
    )
    if rows <= settings.EXPORT_STREAM_ROWS:
        if is_over(name=f"export:{user.pk}", most=STREAMS_A_MINUTE):
            problem = gettext("Too many exports in one minute. Wait a minute, then try again.")
            answer = _ask(request, source, selection, form, rows, status=429, problem=problem)
            answer["Retry-After"] = str(seconds_left())
            return answer
        services.note_streamed(merchant=merchant, user=user, wish=wish, now=now)
        return csv_response(wish.file_name, _stream(selection, columns, style))
    try:
        export = services.ask_export(
            merchant=merchant,
            user=user,
            key=form.cleaned_data["key"],
            wish=replace(wish, link=request.build_absolute_uri(reverse("exports:list"))),
            now=now,
        )
    except TooManyRunning:
        return _ask(request, source, selection, form, rows, status=422, problem=_wait_text())
    return redirect("exports:detail", export.pk)


def _stream(selection: Selection, columns: list[Column], style: Style) -> Iterator[str]:
    """Yield a short file while it is read."""
    yield services.file_head(columns, style)
    for body, _rows in services.line_chunks(selection.rows, columns, style):
        yield body


def _wait_text() -> str:
    return gettext("Wait for one of the %(n)d running exports.") % {"n": services.RUNNING_LIMIT}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 6 else 0
