"""Columns and views of lists, single keys: private and reversible, so done at once, with Undo."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.accounts.views import safe_next
from apps.web import services
from apps.web.columns import ListPage, list_page
from apps.web.forms import ColumnsForm, NameForm, SingleKeysForm, ViewForm
from apps.web.undo import offer_undo


@require_POST
@allow(Role.VIEWER)
def save_columns(request: MerchantRequest) -> HttpResponse:
    """Show other columns of a list from now on."""
    form = ColumnsForm(request.POST)
    if not form.is_valid():
        raise BadRequest("page must be a list")
    page: ListPage = form.cleaned_data["page"]
    services.keep_columns(membership=request.membership, page=page.key, keys=form.keys())
    return _to_list(page, form.cleaned_data["query"])


@require_POST
@allow(Role.VIEWER)
def save_view(request: MerchantRequest) -> HttpResponse:
    """Keep what is filtered now under a name."""
    form = ViewForm(request.POST)
    if not form.is_valid():
        raise BadRequest("page, name and query are needed")
    values = form.cleaned_data
    page: ListPage = values["page"]
    try:
        services.save_view(
            membership=request.membership,
            page=page.key,
            name=values["name"],
            query=values["query"],
        )
    except services.TooManyViews:
        messages.warning(request, gettext("There are too many views. Delete one first."))
    return _to_list(page, values["query"])


@require_POST
@allow(Role.VIEWER)
def rename_view(request: MerchantRequest, view_id: int) -> HttpResponse:
    """Give a view another name; without one it keeps the old."""
    form = NameForm(request.POST)
    form.full_clean()
    name = form.cleaned_data.get("name", "")
    _change(lambda: services.rename_view(membership=request.membership, view_id=view_id, name=name))
    return redirect(safe_next(request))


@require_POST
@allow(Role.VIEWER)
def delete_view(request: MerchantRequest, view_id: int) -> HttpResponse:
    """Take a view away, and offer to undo that."""
    page = _change(lambda: services.delete_view(membership=request.membership, view_id=view_id))
    offer_undo(request, gettext("View deleted."), url=reverse("web:restore_view", args=[view_id]))
    return _to_list(page)


@require_POST
@allow(Role.VIEWER)
def restore_view(request: MerchantRequest, view_id: int) -> HttpResponse:
    """Bring a deleted view back."""
    page = _change(lambda: services.restore_view(membership=request.membership, view_id=view_id))
    return _to_list(page)


@require_POST
@allow(Role.VIEWER)
def set_single_keys(request: MerchantRequest) -> HttpResponse:
    """Let single keys act, or not."""
    form = SingleKeysForm(request.POST)
    form.full_clean()
    services.keep_single_keys(membership=request.membership, on=form.cleaned_data["on"])
    return redirect(safe_next(request))


def _change(action: Callable[[], str]) -> ListPage:
    try:
        found = list_page(action())
    except services.NoSuchView as error:
        raise Http404 from error
    if found is None:
        raise Http404("the list of this view is gone")
    return found


def _to_list(page: ListPage, query: str = "") -> HttpResponse:
    url = reverse(page.url_name)
    return redirect(f"{url}?{query}" if query else url)
