"""Write a note on a case."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.recovery import services
from apps.recovery.forms import NoteForm
from apps.recovery.models import RecoveryCase


@require_POST
@allow(Role.SUPPORT)
def note_case(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Keep a note; an empty one is none."""
    form = NoteForm(request.POST)
    if not form.is_valid():
        if not RecoveryCase.objects.for_merchant(request.merchant).filter(pk=case_id).exists():
            raise Http404
        messages.warning(request, gettext("Write a note of up to 500 characters."))
        return redirect("recovery:case", case_id=case_id)
    try:
        services.add_note(
            merchant=request.merchant,
            case_id=case_id,
            user=request.user,
            text=form.cleaned_data["text"],
            key=form.cleaned_data["key"],
            now=clock.now(),
        )
    except RecoveryCase.DoesNotExist as error:
        raise Http404 from error
    return redirect(f"{reverse('recovery:case', args=[case_id])}#timeline-title")
