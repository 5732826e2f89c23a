"""/mail/reminders/<token>/: a customer stops reminders, by one click in their mail program or here.

GET changes nothing, however many scanners open a mail. No sign-in and no cookie: the signature in
the address is the check.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from apps import clock
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.services import stopping
from apps.dunning_emails.views.pay import guarded


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Ask before stopping; a POST stops at once, or with `do=again` lets them come again."""
    mail = stopping.mail_of(token=token)
    if mail is None:
        return guarded(render(request, "dunning_emails/pay/gone.html", status=404))
    if request.method == "POST":
        if request.POST.get("do") == "again":
            stopping.send_reminders_again(mail=mail, now=clock.now())
        else:
            stopping.stop_reminders(mail=mail, now=clock.now())
    settings = settings_of(mail.merchant)
    context = {
        "token": token,
        "is_stopped": stopping.is_stopped(mail=mail),
        "store": settings.sender_name or mail.merchant.name,
        "contact": settings.reply_to,
        "logo": settings.logo_hash,
        "icon": settings.icon_hash,
        "colour": settings.colour.removeprefix("#"),
    }
    return guarded(render(request, "dunning_emails/pay/reminders.html", context))
