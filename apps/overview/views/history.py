"""Before saving: the last ninety days of failures under the edited rules."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.rules import RetryRules
from apps.overview.history import DAYS, history
from apps.retry_settings.extras import rulebook
from apps.retry_settings.forms import RetryRulesForm
from apps.retry_settings.forms.words import in_words
from apps.retry_settings.services import stored_rules
from apps.web.htmx import wants_fragment


@require_POST
@allow(Role.VIEWER)
def history_preview(request: MerchantRequest) -> HttpResponse:
    """Show what the fields as they stand had done; nothing is stored."""
    draft = {key: value for key, value in request.POST.items() if isinstance(value, str)}
    form = RetryRulesForm(draft, show_errors=True)
    edited: RetryRules | None = form.cleaned_data.get("rules") if form.is_valid() else None
    current = stored_rules(request.merchant).rules
    context = {
        "form": form,
        "edited": edited,
        "current_words": in_words(current),
        "edited_words": in_words(edited) if edited else "",
        "days": DAYS,
        "found": (
            history(
                merchant=request.merchant,
                saved=rulebook(request.merchant, current),
                edited=edited,
                now=clock.now(),
            )
            if edited and edited.engine == "recoup"
            else None
        ),
        "is_compared": current.engine == "recoup",
        "unknown_dates": current.engine != "recoup",
    }
    name = "_history.html" if wants_fragment(request) else "history.html"
    return render(request, f"overview/{name}", context)
