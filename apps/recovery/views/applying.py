"""Apply the present rules to open cases: a confirmed number, with what it means."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.recovery import services
from apps.recovery.models import RecoveryCase


class ApplyForm(forms.Form):
    count = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
@allow(Role.ADMIN)
def apply_rules(request: MerchantRequest) -> HttpResponse:
    """Ask first, with the number; then freeze the present rules on the open cases."""
    merchant = request.merchant
    form = ApplyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            changed = services.apply_rules_to_open_cases(
                merchant=merchant,
                expected_count=form.cleaned_data["count"],
                user=request.user,
                now=clock.now(),
            )
        except services.CountChanged as error:
            text = gettext("Nothing was done: there are %(n)d cases now. Please look again.")
            messages.warning(request, text % {"n": error.current})
            return redirect("recovery:apply_rules")
        text = ngettext("%(n)d case is planned anew.", "%(n)d cases are planned anew.", changed)
        messages.success(request, text % {"n": changed})
        return redirect("recovery:list")
    found = services.cases_with_older_rules(merchant=merchant)
    context = {
        "count": len(found),
        "open_count": RecoveryCase.objects.for_merchant(merchant).open().count(),
    }
    return render(request, "recovery/apply_rules.html", context)
