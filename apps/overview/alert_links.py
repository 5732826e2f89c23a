"""Where the next step of an alert is taken: the rows behind it, or the settings that help."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from apps.analytics.models import Alert

_PLACES = {"network": "networks", "country": "countries", "issuer": "issuers"}
"""Which chart shows a side."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where the next step of an alert is taken."""

    url: str
    label: str


def hint_link(topic: str, key: str) -> Link:
    """Say where a hint of the weekly review leads."""
    cases, figures = reverse("recovery:list"), reverse("analytics:page")
    side, colon, name = key.partition(":")
    if topic == "paydays":
        return Link(reverse("retry_settings:settings"), _("Open the retry settings"))
    if topic == "worse" or (colon and side == "reason"):
        query = urlencode({"period": "30", "reason": name or key})
        return Link(f"{cases}?{query}", _("Open these cases"))
    return Link(f"{figures}?period=30#{_PLACES.get(side, '')}", _("See the figures"))


def next_step(row: Alert) -> Link:
    """Say where to go from an alert: the rows behind it, or the settings that help."""
    cases, figures = reverse("recovery:list"), reverse("analytics:page")
    side, _colon, key = row.key.partition(":")
    if row.kind == "spike" and side == "reason":
        query = urlencode({"period": "7", "reason": key})
        return Link(f"{cases}?{query}", _("Open these cases"))
    if row.kind == "spike":
        return Link(f"{figures}?period=30#{_PLACES.get(side, '')}", _("See the figures"))
    if row.kind == "retry_success":
        return Link(f"{figures}?period=7#tries", _("See which retries fail"))
    if row.kind == "late_attempts":
        query = urlencode({"view": "retrying", "next": "today", "sort": "next_try"})
        return Link(f"{cases}?{query}", _("Open the cases that wait"))
    if row.kind == "involuntary":
        return Link(reverse("retry_settings:settings"), _("Open the retry settings"))
    if row.kind == "webhook_off":
        return Link(reverse("outgoing:endpoint", args=[int(row.key)]), _("Open the endpoint"))
    if row.kind == "mail_bouncing":
        return Link(f"{cases}?view=attention", _("Open the cases that wait for a customer"))
    return Link(reverse("overview:alert", args=[row.pk]), _("See what to do"))
