"""Settings > Emails: the list with its switches, and the sections under it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.mails.kinds import AVAILABLE, KINDS, OF_3DS, OF_INVOICES, MailKind
from apps.dunning_emails import queries
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.forms import AlertsForm, CalmForm, ConfirmForm, InvoicesForm, TargetForm
from apps.dunning_emails.forms.emails import VersionedForm
from apps.dunning_emails.models import EmailSettings
from apps.dunning_emails.services import delivery
from apps.dunning_emails.services import settings as services
from apps.dunning_emails.services.settings import SettingsChanged
from apps.retry_settings.services import rules_by_policy
from apps.web.htmx import wants_fragment

STRIPES_PAGE_DAYS = 30
"""How long Stripe's page of an invoice works.

Source: https://docs.stripe.com/invoicing/hosted-invoice-page
"""

SECTIONS: dict[str, type[VersionedForm]] = {
    "confirm": ConfirmForm,
    "invoices": InvoicesForm,
    "calm": CalmForm,
    "target": TargetForm,
    "alerts": AlertsForm,
}


def kind_or_404(name: str) -> MailKind:
    """Return the kind of that name, if it can be sent."""
    if name not in AVAILABLE:
        raise Http404("no such email")
    return MailKind(name)


@require_GET
@allow(Role.VIEWER)
def email_list(request: MerchantRequest) -> HttpResponse:
    """Show every kind, whether it is on, and what became of it."""
    return _page(request)


@require_POST
@allow(Role.ADMIN)
def switch(request: MerchantRequest, kind: str) -> HttpResponse:
    """Switch a kind on or off, at once; the row then offers to undo it."""
    mail_kind, on = kind_or_404(kind), _on(request)
    services.switch_kind(
        merchant=request.merchant, kind=mail_kind, on=on, user=request.user, now=clock.now()
    )
    return _after_switch(request, mail_kind, undo="switch")


@require_POST
@allow(Role.ADMIN)
def stripe_sends(request: MerchantRequest, kind: str) -> HttpResponse:
    """Note whether Stripe sends its own mail about the same thing."""
    mail_kind, sends = kind_or_404(kind), _on(request)
    if not KINDS[mail_kind].stripe:
        raise BadRequest("Stripe has no such email")
    services.say_stripe_sends(
        merchant=request.merchant, kind=mail_kind, sends=sends, user=request.user, now=clock.now()
    )
    return _after_switch(request, mail_kind, undo="")


@require_POST
@allow(Role.ADMIN)
def save(request: MerchantRequest, section: str) -> HttpResponse:
    """Keep one section under the list."""
    if section not in SECTIONS:
        raise Http404("no such section")
    form = SECTIONS[section](request.POST)
    if not form.is_valid():
        return _page(request, changed={section: form}, status=422)
    try:
        services.save_settings(
            merchant=request.merchant,
            changes=form.changes(),
            expected_version=form.cleaned_data["version"],
            user=request.user,
            now=clock.now(),
        )
    except SettingsChanged as conflict:
        again = SECTIONS[section](request.POST.dict() | {"version": conflict.version})
        return _page(request, changed={section: again}, conflict=conflict, status=422)
    messages.success(request, gettext("Saved."))
    return redirect(f"{reverse('emails:list')}#{section}")


@require_POST
@allow(Role.ADMIN)
def mail_again(request: MerchantRequest) -> HttpResponse:
    """Let mail go to a bounced address again."""
    delivery.mail_again(
        merchant=request.merchant,
        email=request.POST.get("email", "").lower(),
        user=request.user,
        now=clock.now(),
    )
    messages.success(request, gettext("New emails go to this address again."))
    return redirect("emails:list")


def _on(request: MerchantRequest) -> bool:
    wanted = request.POST.get("on", "")
    if wanted not in ("0", "1"):
        raise BadRequest("on must be 0 or 1")
    return wanted == "1"


def _after_switch(request: MerchantRequest, kind: MailKind, *, undo: str) -> HttpResponse:
    if not wants_fragment(request):
        return redirect(f"{reverse('emails:list')}{f'?undo={kind}' if undo else ''}#email-{kind}")
    rows = queries.kind_rows(merchant=request.merchant)
    row = next(one for one in rows if one.kind == kind)
    context = {"row": row, "undo": undo and kind, "rows": rows}
    return render(request, "dunning_emails/_switched.html", context)


def _page(
    request: MerchantRequest,
    *,
    changed: dict[str, VersionedForm] | None = None,
    conflict: SettingsChanged | None = None,
    status: int = 200,
) -> HttpResponse:
    stored = settings_of(request.merchant)
    initial: dict[str, Any] = {
        "version": stored.version,
        "confirm_days": ", ".join(str(day) for day in stored.confirm_days),
        **InvoicesForm.shown(stored),
        "confirm_end": stored.confirm_end,
        "confirm_end_days": stored.confirm_end_days,
        "confirm_sure": stored.confirm_end != EmailSettings.InvoiceEnd.LEAVE,
        "quiet_from": stored.quiet_from,
        "quiet_until": stored.quiet_until,
        "weekly_cap": stored.weekly_cap,
        "link_target": stored.link_target,
        "own_link": stored.own_link,
        "owner_alerts": stored.owner_alerts,
    }
    sections = {
        name: (changed or {}).get(name) or made(initial=initial, auto_id=f"id_{name}_%s")
        for name, made in SECTIONS.items()
    }
    if not request.role.covers(Role.ADMIN):
        for form in sections.values():
            for field in form.fields.values():
                field.disabled = True
    rows = queries.kind_rows(merchant=request.merchant)
    apart = (*OF_3DS, *OF_INVOICES)
    context = {
        "rows": rows,
        "main_rows": [row for row in rows if row.kind not in apart],
        "confirm_rows": [row for row in rows if row.kind in OF_3DS],
        "invoice_rows": [row for row in rows if row.kind in OF_INVOICES],
        "undo": request.GET.get("undo", ""),
        "sections": sections,
        "changed": next(iter(changed), "") if changed else "",
        "form": next(iter(changed.values())) if changed else None,
        "conflict": conflict,
        "bounced": queries.bounced(merchant=request.merchant),
        "settings": stored,
        "outlived_after": _outlived_after(request.merchant, stored),
    }
    return render(request, "dunning_emails/list.html", context, status=status)


def _outlived_after(merchant: Merchant, stored: EmailSettings) -> int:
    """Give how many days the longest schedule takes where it outlives Stripe's page; else 0."""
    if stored.link_target != EmailSettings.LinkTarget.STRIPE:
        return 0
    default, segments = rules_by_policy(merchant)
    days = max(rules.horizon.days for rules in (default, *segments.values()))
    return days if days > STRIPES_PAGE_DAYS else 0
