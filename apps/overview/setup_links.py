"""Where each point of the set-up's list is dealt with."""

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.models import Merchant
from apps.dunning.setup import Key
from apps.overview.alert_links import Link
from apps.web.stripe_links import place_url

AT_STRIPE = "https://docs.stripe.com"


def link_of(key: Key, merchant: Merchant) -> Link:
    """Say where to go: a page of ours, Stripe's own, or where Stripe explains it."""
    ours = {
        "stripe_retries": ("retry_settings:settings", "#stripe-notes", _("Note Stripe's settings")),
        "backup_method": ("retry_settings:settings", "", _("Open the retry settings")),
        "time_zone": ("overview:preferences", "", _("Open preferences")),
        "sender_domain": ("branding:settings", "", _("Open branding")),
    }
    if key in ours:
        name, part, label = ours[key]
        return Link(f"{reverse(name)}{part}", label)
    if key == "stripe_mails":
        return Link(
            place_url("customer_mails", merchant) or reverse("emails:list"),
            _("Look at the mails"),
        )
    pages = {
        "account_updater": ("/payments/cards/overview#automatic-card-updates", _("How it works")),
        "network_tokens": ("/payments/network-tokens", _("How they work")),
        "backups": ("", ""),
    }
    path, label = pages[key]
    return Link(f"{AT_STRIPE}{path}" if path else "", label)
