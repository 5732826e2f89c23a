"""Settings > Retries > Segments: rules of their own for some invoices, in the order they are asked."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.segments import Segment
from apps.retry_settings import services
from apps.retry_settings.forms import RetryRulesForm, apply, draft_of
from apps.retry_settings.forms import segment as conditions
from apps.retry_settings.forms.draft import Draft
from apps.retry_settings.forms.segment import SegmentForm, segment_fields
from apps.retry_settings.forms.words import in_words
from apps.retry_settings.models import RetryPolicy
from apps.retry_settings.services import NameTaken, SettingsChanged
from apps.retry_settings.views.editor import editor_context, posted

LIST = "retry_settings:segments"


@require_GET
@allow(Role.VIEWER)
def segments_page(request: MerchantRequest) -> HttpResponse:
    """List the segments in the order in which they are asked."""
    rows = [
        {
            "policy": policy,
            "conditions": conditions.in_words(policy.conditions),
            "rules": in_words(policy.retry_rules),
        }
        for policy in RetryPolicy.objects.for_merchant(request.merchant)
    ]
    context = {
        "rows": rows,
        "default": in_words(services.stored_rules(request.merchant).rules),
        "may_change": request.role.covers(Role.ADMIN),
    }
    return render(request, "retry_settings/segments.html", context)


@require_http_methods(["GET", "POST"])
@allow(Role.ADMIN)
def new_segment(request: MerchantRequest) -> HttpResponse:
    """Write a new segment; its rules begin as those for everybody."""
    if request.method == "POST":
        return _change(request, policy=None)
    stored = services.stored_rules(request.merchant)
    draft = draft_of(stored.rules, version=0) | segment_fields("", Segment())
    return _render(request, draft, policy=None)


@require_GET
@allow(Role.VIEWER)
def segment_page(request: MerchantRequest, policy_id: int) -> HttpResponse:
    """Show one segment as it is stored."""
    policy = _policy_or_404(request.merchant, policy_id)
    draft = draft_of(policy.retry_rules, version=policy.version)
    return _render(request, draft | segment_fields(policy.name, policy.conditions), policy=policy)


@require_POST
@allow(Role.ADMIN)
def change_segment(request: MerchantRequest, policy_id: int) -> HttpResponse:
    """Save one segment, or press one of the form's other buttons."""
    return _change(request, policy=_policy_or_404(request.merchant, policy_id))


@require_POST
@allow(Role.ADMIN)
def move_segment(request: MerchantRequest, policy_id: int, *, up: bool) -> HttpResponse:
    """Ask a segment earlier or later."""
    policy = _policy_or_404(request.merchant, policy_id)
    services.move_policy(
        merchant=request.merchant, policy_id=policy.pk, up=up, user=request.user, now=clock.now()
    )
    return redirect(LIST)


@require_http_methods(["GET", "POST"])
@allow(Role.ADMIN)
def delete_segment(request: MerchantRequest, policy_id: int) -> HttpResponse:
    """Ask, then delete a segment."""
    policy = _policy_or_404(request.merchant, policy_id)
    if request.method == "GET":
        return render(request, "retry_settings/confirm_delete.html", {"policy": policy})
    services.delete_policy(
        merchant=request.merchant, policy_id=policy.pk, user=request.user, now=clock.now()
    )
    messages.success(request, gettext("“%(name)s” is deleted.") % {"name": policy.name})
    return redirect(LIST)


def _change(request: MerchantRequest, *, policy: RetryPolicy | None) -> HttpResponse:
    draft = posted(request)
    action = request.POST.get("do", "save")
    if action != "save":
        return _render(request, apply(action, draft), policy=policy, changed=True)
    form = RetryRulesForm(draft, show_errors=True)
    segment = SegmentForm(draft, show_errors=True)
    if not form.is_valid() or not segment.is_valid():
        return _render(request, draft, policy=policy, forms=(form, segment), changed=True)
    try:
        saved = services.save_policy(
            merchant=request.merchant,
            policy_id=policy.pk if policy else None,
            name=segment.cleaned_data["name"],
            segment=segment.cleaned_data["segment"],
            rules=form.cleaned_data["rules"],
            expected_version=form.cleaned_data["version"],
            user=request.user,
            now=clock.now(),
        )
    except NameTaken:
        segment.add_error("name", gettext("Another segment has this name."))
        return _render(request, draft, policy=policy, forms=(form, segment), changed=True)
    except SettingsChanged as conflict:
        again = draft | {"version": str(conflict.version)}
        return _render(request, again, policy=policy, changed=True, conflict=conflict)
    messages.success(
        request,
        gettext("“%(name)s” is saved. Payments that fail from now on follow it.")
        % {"name": saved.name},
    )
    return redirect(LIST)


def _render(
    request: MerchantRequest,
    draft: Draft,
    *,
    policy: RetryPolicy | None,
    forms: tuple[RetryRulesForm, SegmentForm] | None = None,
    changed: bool = False,
    conflict: SettingsChanged | None = None,
) -> HttpResponse:
    form, segment = forms or (RetryRulesForm(draft), SegmentForm(draft))
    save_url = page_url = reverse("retry_settings:new_segment")
    if policy:
        save_url = reverse("retry_settings:save_segment", args=[policy.pk])
        page_url = reverse("retry_settings:segment", args=[policy.pk])
    context = editor_context(
        request, form, save_url=save_url, page_url=page_url, changed=changed, conflict=conflict
    ) | {"segment": segment, "policy": policy}
    status = 422 if forms or conflict else 200
    return render(request, "retry_settings/segment.html", context, status=status)


def _policy_or_404(merchant: Merchant, policy_id: int) -> RetryPolicy:
    policy = RetryPolicy.objects.for_merchant(merchant).filter(pk=policy_id).first()
    if policy is None:
        raise Http404
    return policy
