"""What the editor of rules shows, for everybody's rules and for a segment's alike."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest
from apps.dunning.presets import PRESETS
from apps.dunning.rules import RetryRules
from apps.retry_settings.forms import GROUPS, RetryRulesForm
from apps.retry_settings.forms.draft import Draft
from apps.retry_settings.forms.preview import Preview, preview_of
from apps.retry_settings.forms.words import in_words
from apps.retry_settings.services import SettingsChanged


def posted(request: HttpRequest) -> Draft:
    """Take what was typed, as text."""
    return {key: value for key, value in request.POST.items() if isinstance(value, str)}


def sample_preview(request: MerchantRequest, form: RetryRulesForm) -> Preview | None:
    """Return what a draft leads to; None while it has errors."""
    if not form.is_valid():
        return None
    rules: RetryRules = form.cleaned_data["rules"]
    codes = {group.key: group.sample for group in GROUPS}
    sample = request.POST.get("sample", "funds")
    return preview_of(
        rules, code=codes.get(sample, sample), zone=request.merchant.zone, now=clock.now()
    )


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
        "may_change": request.role.covers(Role.ADMIN),
        "changed": changed,
        "conflict": conflict,
        "theirs": in_words(conflict.rules) if conflict else "",
        "ours": in_words(form.cleaned_data["rules"]) if conflict and form.is_valid() else "",
        "now": clock.now(),
    }
