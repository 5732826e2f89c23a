"""Settings > Emails > one email: its words, a live preview, draft and publish."""

import re
from typing import Any

from csp.constants import NONE, SELF
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_POST

from apps import clock
from apps.accounts.models import Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.dunning.mails.kinds import KINDS, REMINDERS, MailKind
from apps.dunning.mails.texts import (
    LONGEST_SUBJECT,
    MARKETING,
    TEXTS,
    VARIABLES,
    Words,
    filled,
    unknown_variables,
)
from apps.dunning_emails import queries
from apps.dunning_emails.composing import look_of
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.forms import WordsForm
from apps.dunning_emails.models import EmailSettings, MailTemplate
from apps.dunning_emails.rendering import Rendered, render_mail
from apps.dunning_emails.samples import SAMPLES, sample_values
from apps.dunning_emails.services import settings as services
from apps.dunning_emails.services.cards import update_page
from apps.dunning_emails.services.testing import send_test
from apps.dunning_emails.views.emails import kind_or_404
from apps.web.htmx import wants_fragment

SAMPLE_LINK = "https://example.com/pay/"
SAMPLE_STOP = "https://example.com/mail/reminders/"
NO_BUTTON = (MailKind.RECOVERED, MailKind.CANCELED, MailKind.RENEWAL)
PREVIEW_POLICY = {
    "default-src": [NONE],
    "script-src": [NONE],
    "connect-src": [NONE],
    "font-src": [NONE],
    "form-action": [NONE],
    "frame-src": [NONE],
    "style-src": ["'unsafe-inline'"],
    "img-src": [SELF],
    "frame-ancestors": [SELF],
}
"""Of the framed mail alone: its styles stand in it, as mail programs want them. No script at all."""


@require_GET
@allow(Role.VIEWER)
def editor(request: MerchantRequest, kind: str) -> HttpResponse:
    """Show the words of a kind, the draft's where there is one, and the mail beside them."""
    return _editor(request, kind_or_404(kind))


@require_POST
@allow(Role.ADMIN)
def draft(request: MerchantRequest, kind: str) -> HttpResponse:
    """Keep what is being written, right or wrong; nothing of it goes out."""
    mail_kind, form = kind_or_404(kind), WordsForm(request.POST)
    services.save_draft(
        merchant=request.merchant, kind=mail_kind, words=form.words(), now=clock.now()
    )
    days = request.POST.get("days", "")
    if days.isdecimal() and int(days) <= 60 and KINDS[mail_kind].counts:
        services.set_days(
            merchant=request.merchant,
            kind=mail_kind,
            days=int(days),
            user=request.user,
            now=clock.now(),
        )
    if wants_fragment(request):
        return render(request, "dunning_emails/_preview.html", _preview(request, mail_kind))
    if not form.is_valid():
        return _editor(request, mail_kind, form=form, status=422)
    return redirect("emails:editor", kind=kind)


@require_POST
@allow(Role.ADMIN)
def publish(request: MerchantRequest, kind: str) -> HttpResponse:
    """Let the draft go out from now on."""
    mail_kind = kind_or_404(kind)
    try:
        services.publish(
            merchant=request.merchant, kind=mail_kind, user=request.user, now=clock.now()
        )
    except services.BadWords as why:
        messages.warning(request, str(why))
    else:
        messages.success(request, gettext("Published. Emails go out with these words from now on."))
    return redirect("emails:editor", kind=kind)


@require_POST
@allow(Role.ADMIN)
def revert(request: MerchantRequest, kind: str) -> HttpResponse:
    """Forget the draft."""
    services.discard_draft(merchant=request.merchant, kind=kind_or_404(kind))
    messages.success(request, gettext("The draft is gone; what goes out has not changed."))
    return redirect("emails:editor", kind=kind)


@require_POST
@allow(Role.ADMIN)
def restore(request: MerchantRequest, kind: str) -> HttpResponse:
    """Go back to our own words."""
    services.restore_default(
        merchant=request.merchant, kind=kind_or_404(kind), user=request.user, now=clock.now()
    )
    messages.success(request, gettext("The default text goes out from now on."))
    return redirect("emails:editor", kind=kind)


@require_POST
@allow(Role.SUPPORT)
def test(request: MerchantRequest, kind: str) -> HttpResponse:
    """Send the draft, else what goes out, to the person who asks."""
    rendered = rendered_sample(request, kind_or_404(kind))
    note = send_test(
        merchant=request.merchant, rendered=rendered, to=request.user.email, now=clock.now()
    )
    if note:
        messages.error(request, gettext("The mail server did not take it: %(why)s") % {"why": note})
    else:
        sent = gettext("Sent to %(who)s, with made-up values.") % {"who": request.user.email}
        messages.success(request, sent)
    return redirect("emails:editor", kind=kind)


@require_GET
@xframe_options_sameorigin
@allow(Role.VIEWER)
def preview(request: MerchantRequest, kind: str) -> HttpResponse:
    """Show the mail itself, to be framed."""
    rendered = rendered_sample(request, kind_or_404(kind))
    chosen = "all" if request.GET.get("theme") == "dark" else "not all"
    html = rendered.html.replace("(prefers-color-scheme: dark)", chosen)
    response = HttpResponse(html)
    response._csp_replace = PREVIEW_POLICY  # type: ignore[attr-defined]
    return response


def rendered_sample(request: MerchantRequest, kind: MailKind) -> Rendered:
    """Put the mail together with made-up values: the draft's words, else those that go out."""
    settings = settings_of(request.merchant)
    sample = request.GET.get("sample", "confirm" if kind.startswith("confirm") else "funds")
    return render_mail(
        words=words_shown(queries.template_of(merchant=request.merchant, kind=kind)),
        values=sample_values(merchant=request.merchant, settings=settings, sample=sample),
        look=look_of(settings),
        url=sample_link(kind, settings),
        stop_url=SAMPLE_STOP if kind in REMINDERS else "",
    )


def sample_link(kind: MailKind, settings: EmailSettings) -> str:
    """Return where the button of a made-up mail leads; "" for mails without one."""
    if kind == MailKind.CARD_EXPIRING:
        return update_page(settings)
    return "" if kind in NO_BUTTON else SAMPLE_LINK


def words_shown(row: MailTemplate) -> Words:
    """Return the draft's words, else those that go out."""
    return TEXTS[row.mail_kind].with_changes(row.draft or row.live)


def checks(
    words: Words, *, kind: MailKind, settings: EmailSettings, values: dict[str, str]
) -> list[Any]:
    """Look for what a mail about money should have; (fine, words) each."""
    subject = filled(words.subject, values)
    unknown = unknown_variables(words)
    told = ", ".join(f"{{{name}}}" for name in unknown)
    text = " ".join(words.as_dict().values())
    found = [
        (
            len(subject) <= LONGEST_SUBJECT,
            gettext("Subject of %(n)d characters; 60 are shown everywhere") % {"n": len(subject)},
        ),
        (
            not unknown,
            gettext("Unknown variable: %(names)s") % {"names": told}
            if unknown
            else gettext("Every variable is known"),
        ),
        (bool(settings.postal_address), gettext("Postal address in the footer")),
        (bool(settings.reply_to), gettext("Answers go to an address of yours")),
        (not MARKETING.search(text), gettext("No advertising: this is billing mail")),
    ]
    if kind == MailKind.CARD_EXPIRING:
        has_page = gettext("A button, which leads to a page of your own (Emails > Payment link)")
        found.insert(1, (bool(words.button.strip() and update_page(settings)), has_page))
    elif kind not in NO_BUTTON:
        found.insert(1, (bool(words.button.strip()), gettext("A button with the payment link")))
    return found


def _preview(request: MerchantRequest, kind: MailKind) -> dict[str, Any]:
    row = queries.template_of(merchant=request.merchant, kind=kind)
    words, settings = words_shown(row), settings_of(request.merchant)
    query = request.POST if request.method == "POST" else request.GET
    sample = query.get("sample", "confirm" if kind.startswith("confirm") else "funds")
    width, theme, form = query.get("width", ""), query.get("theme", ""), query.get("show", "")
    values = sample_values(merchant=request.merchant, settings=settings, sample=sample)
    rendered = render_mail(
        words=words,
        values=values,
        look=look_of(settings),
        url=sample_link(kind, settings),
        stop_url=SAMPLE_STOP if kind in REMINDERS else "",
    )
    return {
        "kind": kind,
        "row": row,
        "rendered": rendered,
        "sender": settings.sender_name or request.merchant.name,
        "checks": checks(words, kind=kind, settings=settings, values=values),
        "samples": [(name, words_) for name, (words_, _) in SAMPLES.items()],
        "sample": sample if sample in SAMPLES else "funds",
        "width": "mobile" if width == "mobile" else "desktop",
        "theme": "dark" if theme == "dark" else "light",
        "show": "text" if form == "text" else "html",
        "stamp": re.sub(r"\D", "", str(row.drafted_at or row.published_at or "")),
    }


def _editor(
    request: MerchantRequest, kind: MailKind, *, form: WordsForm | None = None, status: int = 200
) -> HttpResponse:
    context = _preview(request, kind)
    if wants_fragment(request, target="preview"):
        return render(request, "dunning_emails/_preview.html", context)
    row: MailTemplate = context["row"]
    form = form or WordsForm(initial=words_shown(row).as_dict())
    if not request.role.covers(Role.ADMIN):
        for field in form.fields.values():
            field.disabled = True
    live = TEXTS[kind].with_changes(row.live)
    context |= {
        "form": form,
        "info": KINDS[kind],
        "days": row.days if row.days is not None else KINDS[kind].days,
        "variables": VARIABLES.items(),
        "live": live if row.draft else None,
    }
    return render(request, "dunning_emails/editor.html", context, status=status)
