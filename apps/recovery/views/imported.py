"""Take over the open cases of an import: a confirmed number, with what it means."""

from django import forms
from django.contrib import messages
from django.db.models import Count, Sum
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_http_methods

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.money import Money
from apps.recovery import services
from apps.retry_settings.services import rules_by_policy


class TakeOverForm(forms.Form):
    count = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
@allow(Role.ADMIN)
def take_over_imported(request: MerchantRequest) -> HttpResponse:
    """Ask first, with number and amounts; then treat the imported cases as our own."""
    merchant, now = request.merchant, clock.now()
    form = TakeOverForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            taken = services.take_over_imported(
                merchant=merchant,
                expected_count=form.cleaned_data["count"],
                user=request.user,
                now=now,
            )
        except services.CountChanged as changed:
            text = gettext("Nothing was done: there are %(n)d cases now. Please look again.")
            messages.warning(request, text % {"n": changed.current})
            return redirect("recovery:take_over")
        text = ngettext("%(n)d case taken over.", "%(n)d cases taken over.", taken)
        messages.success(request, text % {"n": taken})
        return redirect("recovery:list")
    cases = services.imported_cases_to_take_over(merchant=merchant, now=now)
    totals = cases.values("currency").annotate(n=Count("id"), due=Sum("amount_due_minor"))
    default, segments = rules_by_policy(merchant)
    context = {
        "count": sum(row["n"] for row in totals),
        "amounts": [Money(row["due"], row["currency"]) for row in totals.order_by("currency")],
        "rules": default,
        "has_segments": bool(segments),
    }
    return render(request, "recovery/take_over.html", context)
