"""The message as it leaves, and where its button leads."""

import datetime as dt
import uuid
from email.utils import format_datetime, formataddr, parseaddr

from django.conf import settings as django_settings
from django.core.mail import EmailMultiAlternatives

from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.models import EmailSettings
from apps.dunning_emails.rendering import Rendered, one_line
from apps.dunning_emails.services.links import make_link
from apps.dunning_emails.services.stopping import headers_for
from apps.recovery.models import RecoveryCase


def target_of(
    *, case: RecoveryCase, settings: EmailSettings, kind: MailKind, now: dt.datetime
) -> str:
    """Return where the button leads, by the merchant's choice; "" for mails without one.

    A link of ours is made for this mail alone.
    """
    if kind in (MailKind.RECOVERED, MailKind.CANCELED):
        return ""
    if settings.link_target == EmailSettings.LinkTarget.OWN:
        return settings.own_link
    return make_link(case=case, by="Recoup", now=now)


def message_of(
    *,
    rendered: Rendered,
    settings: EmailSettings,
    to: str,
    key: uuid.UUID,
    now: dt.datetime,
    stop: str = "",
) -> EmailMultiAlternatives:
    """Put a message together. Its id comes from the row, so that a provider can tell a repeat.

    `stop` is where one click stops reminders.
    """
    _, address = parseaddr(django_settings.DEFAULT_FROM_EMAIL)
    domain = address.rpartition("@")[2] or "localhost"
    message = EmailMultiAlternatives(
        subject=rendered.subject,
        body=rendered.text,
        from_email=formataddr((one_line(settings.sender_name or settings.merchant.name), address)),
        to=[to],
        reply_to=[settings.reply_to] if settings.reply_to else None,
        headers={
            "Message-ID": f"<{key}@{domain}>",
            "Date": format_datetime(now),
            "Auto-Submitted": "auto-generated",
            **headers_for(stop),
        },
    )
    message.attach_alternative(rendered.html, "text/html")
    return message
