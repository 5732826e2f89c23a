"""Settings, all on one page: recovery first, each with its state and where it is changed."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from apps import clock
from apps.accounts.models import Merchant, Role
from apps.accounts.permissions import MerchantRequest, allow
from apps.analytics.services import alert_settings_for
from apps.customer_payments.services import settings_for
from apps.dunning.rules import RetryRules
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.queries import kind_rows
from apps.integrations.models import ApiToken, WebhookEndpoint
from apps.overview.setup import points_of
from apps.retry_settings.forms.words import in_words
from apps.retry_settings.models import RetryPolicy
from apps.retry_settings.services import stored_rules
from apps.web.formats import locale_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One page of settings: how it stands, and its link. `tone` and `word` make its badge."""

    title: str
    text: str
    url: str
    tone: str = ""
    word: str = ""
    more: str = ""


@require_GET
@allow(Role.VIEWER)
def settings(request: MerchantRequest) -> HttpResponse:
    """Show how everything is set."""
    merchant = request.merchant
    rules = stored_rules(merchant).rules
    context = {
        "recovery": list(_recovery(merchant, rules)),
        "rest": list(_rest(merchant)),
    }
    return render(request, "overview/settings.html", context)


def _recovery(merchant: Merchant, rules: RetryRules) -> Iterator[Entry]:
    """Retries, emails and card updates: what gets money back."""
    segments = RetryPolicy.objects.for_merchant(merchant).count()
    word = {"recoup": _("Recoup retries"), "gaps": _("Both retry"), "stripe": _("Stripe retries")}
    yield Entry(
        _("Retries"),
        in_words(rules),
        reverse("retry_settings:settings"),
        "ok" if merchant.charging_on else "bad",
        word[rules.engine] if merchant.charging_on else _("Charging is off"),
        ngettext(
            "%(n)d segment has rules of its own.",
            "%(n)d segments have rules of their own.",
            segments,
        )
        % {"n": segments}
        if segments
        else "",
    )
    mails = kind_rows(merchant=merchant)
    on = sum(row.is_on for row in mails)
    doubled = sum(row.is_double for row in mails)
    yield Entry(
        _("Emails"),
        _("%(on)d of %(all)d kinds of mail are on.") % {"on": on, "all": len(mails)},
        reverse("emails:list"),
        "wait" if doubled else "ok" if on else "mute",
        _("Sent twice") if doubled else _("On") if on else _("Off"),
        _("Stripe sends some of them, too.") if doubled else "",
    )
    target = settings_of(merchant)
    leads = _("Links in mails lead to: %(target)s.") % {"target": target.get_link_target_display()}
    yield Entry(
        _("Card updates"),
        _("Once a card changes, the open payment is charged at once.")
        if rules.engine != "stripe"
        else _("Once a customer gives a card through the link, the open payment is charged."),
        f"{reverse('emails:list')}#target",
        "ok",
        _("On"),
        leads,
    )


def _rest(merchant: Merchant) -> Iterator[Entry]:
    access = settings_for(merchant)
    takes, gives = access.revoke_on_failure, access.grant_on_success
    yield Entry(
        _("Customer payments"),
        _("Access is taken %(when)s, and given back when they pay.")
        % {"when": access.get_revoke_when_display().lower()}
        if takes and gives
        else _("Access is taken %(when)s.") % {"when": access.get_revoke_when_display().lower()}
        if takes
        else _("Access stays as it is when a payment fails."),
        reverse("customer_payments:settings"),
        "ok" if takes or gives else "mute",
        _("On") if takes or gives else _("Off"),
    )
    yield Entry(
        _("Branding"),
        _("Sender, colour and logo of mails and the payment page."),
        reverse("branding:settings"),
    )
    alerts = alert_settings_for(merchant)
    yield Entry(
        _("Alerts"),
        _("When fewer than %(percent)d %% of a week's retries succeed, and when something stops.")
        % {"percent": alerts.retry_success_percent},
        reverse("overview:alert_settings"),
        "ok" if alerts.mails_alerts else "mute",
        _("Mailed") if alerts.mails_alerts else _("Shown only"),
    )
    yield _stripe(merchant)
    points = points_of(merchant, now=clock.now())
    left = sum(point.state != "ok" for point in points)
    yield Entry(
        _("Checklist"),
        _("What makes recovery work well, at Stripe and here."),
        reverse("overview:setup_checklist"),
        "wait" if left else "ok",
        ngettext("%(n)d to look at", "%(n)d to look at", left) % {"n": left} if left else _("Done"),
    )
    endpoints = WebhookEndpoint.objects.for_merchant(merchant).active().count()
    tokens = ApiToken.objects.for_merchant(merchant).usable().count()
    yield Entry(
        _("Webhooks"),
        _("Signed events for your own site."),
        reverse("outgoing:list"),
        "ok" if endpoints else "mute",
        str(endpoints or _("None")),
    )
    yield Entry(
        _("Access API"),
        _("Your site asks who has access."),
        reverse("api_tokens:list"),
        "ok" if tokens else "mute",
        str(tokens or _("None")),
    )
    yield Entry(
        _("Preferences"),
        _("%(zone)s, %(locale)s.")
        % {
            "zone": merchant.time_zone.replace("_", " "),
            "locale": locale_of(merchant.locale).get_display_name("en"),
        },
        reverse("overview:preferences"),
    )
    yield Entry(_("Activity"), _("Who changed what, and when."), reverse("overview:activity"))


def _stripe(merchant: Merchant) -> Entry:
    tone, word = "ok", _("Connected")
    if not merchant.stripe_account_id or merchant.detached_at:
        tone, word = "bad", _("Not connected")
    elif merchant.refused_at:
        tone, word = "bad", _("Refused")
    return Entry(
        _("Stripe connection"),
        _("Account, permissions and how events arrive."),
        reverse("overview:stripe"),
        tone,
        word,
    )
