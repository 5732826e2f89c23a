"""On a case: send the customer a reminder now, after a look at it."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.mails.kinds import KINDS
from apps.dunning_emails.composing import case_values, look_of, words_of
from apps.dunning_emails.facts import customer_of, settings_of
from apps.dunning_emails.rendering import render_mail
from apps.dunning_emails.services import reminding, waking
from apps.dunning_emails.views.case_links import load_case, name_of_customer
from apps.recovery.queries.checks import stored_facts

NO_LINK_YET = "https://…/pay/…/"


@require_GET
@allow(Role.VIEWER)
def ask(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Show the mail before it is sent, or say why there is none."""
    case, now = load_case(request.merchant, case_id), clock.now()
    kind, settings = reminding.kind_for(case, now=now), settings_of(request.merchant)
    context = {
        "case": case,
        "customer": name_of_customer(case),
        "blocked": reminding.why_not(case=case, now=now),
        "title": KINDS[kind].title,
        "sender": settings.sender_name or request.merchant.name,
        "rendered": render_mail(
            words=words_of(merchant_id=request.merchant.pk, kind=kind),
            values=case_values(
                cases=[case],
                customer=customer_of(case),
                facts=stored_facts(case=case, now=now),
                settings=settings,
                now=now,
            ),
            look=look_of(settings),
            url=NO_LINK_YET,
        ),
    }
    return render(request, "dunning_emails/remind.html", context)


@require_POST
@allow(Role.SUPPORT)
def send(request: MerchantRequest, case_id: int) -> HttpResponse:
    """Put the reminder into the outbox and wake a worker for it."""
    load_case(request.merchant, case_id)
    try:
        reminding.remind(
            merchant=request.merchant, case_id=case_id, user=request.user, now=clock.now()
        )
    except reminding.NotNow as why:
        messages.warning(request, str(why))
    else:
        waking.wake_sender()
        messages.success(request, gettext("The reminder is on its way."))
    return redirect("recovery:case", case_id=case_id)
