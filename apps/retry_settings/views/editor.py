"""What the editor of rules shows, for everybody's rules and for a segment's alike."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest
from apps.dunning.limits import DEBIT_SCHEMES
from apps.dunning.presets import PRESETS
from apps.dunning.provider_notes import ProviderNotes
from apps.retry_settings.extras import rulebook
from apps.retry_settings.forms import GROUPS, RetryRulesForm
from apps.retry_settings.forms.draft import Draft
from apps.retry_settings.forms.notes import StripeNotesForm
from apps.retry_settings.forms.preview import Preview, preview_of
from apps.retry_settings.forms.sample import Sample, debit_choices
from apps.retry_settings.forms.words import in_words
from apps.retry_settings.services import SettingsChanged, stripe_notes


def posted(request: HttpRequest) -> Draft:
    """Take what was typed, as text."""
    return {key: value for key, value in request.POST.items() if isinstance(value, str)}


def sample_preview(request: MerchantRequest, form: RetryRulesForm) -> Preview | None:
    """Return what a draft leads to; None while it has errors."""
    if not form.is_valid():
        return None
    merchant = request.merchant
    return preview_of(
        rulebook(merchant, form.cleaned_data["rules"]),
        sample=_sample(request),
        stripe=_stripe(request),
        zone=merchant.zone,
        now=clock.now(),
    )


def _sample(request: MerchantRequest) -> Sample:
    """Return the payment that was chosen to be shown; one nobody offers is the usual one."""
    codes = {group.key: group.sample for group in GROUPS}
    reason = request.POST.get("sample", "funds")
    method = request.POST.get("sample_method", "")
    return Sample(
        code=codes.get(reason, reason),
        method=method if method in DEBIT_SCHEMES else "card",
        recurring=request.POST.get("sample_kind") != "one_off",
    )


def _stripe(request: MerchantRequest) -> ProviderNotes:
    """Return Stripe's settings as the panel on the page says, kept or not; else as they are kept."""
    form = StripeNotesForm(request.POST, prefix="stripe")
    if "stripe-schedule" in request.POST and form.is_valid():
        notes: ProviderNotes = form.cleaned_data["notes"]
        return notes
    return stripe_notes(request.merchant)


def editor_context(
    request: MerchantRequest,
    form: RetryRulesForm,
    *,
    save_url: str,
    page_url: str,
    changed: bool = False,
    conflict: SettingsChanged | None = None,
) -> dict[str, Any]:
    """Gather what the templates of the editor need; the address to save to is the caller's."""
    return {
        "form": form,
        "save_url": save_url,
        "page_url": page_url,
        "preview_url": reverse("retry_settings:preview"),
        "preview": sample_preview(request, form),
        "presets": [preset for preset in PRESETS.values() if preset.rules.engine == "recoup"],
        "sample": request.POST.get("sample", "funds"),
        "sample_kind": request.POST.get("sample_kind", ""),
        "sample_method": request.POST.get("sample_method", ""),
        "debit_choices": debit_choices(),
        "may_change": request.role.covers(Role.ADMIN),
        "changed": changed,
        "conflict": conflict,
        "theirs": in_words(conflict.rules) if conflict else "",
        "ours": in_words(form.cleaned_data["rules"]) if conflict and form.is_valid() else "",
        "now": clock.now(),
    }
