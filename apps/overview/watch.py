"""Look for what merchants must hear about; mail each alert once to those who can do something."""

import datetime as dt
import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext

from apps.accounts.models import Membership, Merchant, Role
from apps.analytics.models import Alert
from apps.analytics.services import alert_settings_for, claim_mail, keep_findings
from apps.dunning.metrics.alerts import findings
from apps.integrations.models import EventKind
from apps.integrations.services import tell
from apps.overview.watched import FROM_FIGURES, is_being_counted, watched

logger = logging.getLogger(__name__)

MAIL_WITHIN = dt.timedelta(days=1)
"""An alert found longer ago is not mailed any more, whatever kept it from being mailed."""


def watch_everybody(*, now: dt.datetime, real_now: dt.datetime) -> int:
    """Watch each connected merchant; answers how many mails went out.

    `now` is business time. What goes wrong with one merchant keeps nobody from the others.
    """
    mails = 0
    for merchant in Merchant.objects.exclude(stripe_account_id="").order_by("id"):
        try:
            watch(merchant=merchant, now=now, real_now=real_now)
            tell_alerts(merchant=merchant, now=now)
            mails += mail_alerts(merchant=merchant, now=now)
        except Exception:
            logger.exception("%s could not be watched.", merchant)
    return mails


def watch(*, merchant: Merchant, now: dt.datetime, real_now: dt.datetime) -> list[Alert]:
    """Find what is wrong for a merchant and keep it; gives back what is new.

    While history comes in, or days are counted anew, figures raise no alert and clear none.
    """
    thresholds = alert_settings_for(merchant).thresholds
    unsure = FROM_FIGURES if is_being_counted(merchant=merchant) else ()
    facts = watched(merchant=merchant, thresholds=thresholds, now=now, real_now=real_now)
    found = findings(watched=facts, thresholds=thresholds, now=now)
    return keep_findings(
        merchant=merchant,
        found=[finding for finding in found if finding.kind not in unsure],
        now=now,
        unsure=unsure,
    )


def mail_alerts(*, merchant: Merchant, now: dt.datetime) -> int:
    """Mail open alerts that nobody was told of, to owners and admins; answers how many mails."""
    if not alert_settings_for(merchant).mails_alerts:
        return 0
    untold = Alert.objects.for_merchant(merchant).open().filter(mailed_at=None)
    sent = 0
    for alert in untold.filter(found_at__gt=now - MAIL_WITHIN):
        if claim_mail(alert=alert, now=now):
            sent += sum(
                _mail(alert, merchant, address) for address in addresses_of(merchant=merchant)
            )
    return sent


def tell_alerts(*, merchant: Merchant, now: dt.datetime) -> int:
    """Send each new alert once to the merchant's endpoints that want it; answers to how many."""
    rows = Alert.objects.for_merchant(merchant).open().filter(found_at__gt=now - MAIL_WITHIN)
    sent = 0
    for alert in rows:
        data = {"alert": alert.pk, "kind": alert.kind, "critical": alert.is_critical}
        with transaction.atomic():
            sent += tell(
                merchant=merchant,
                source=f"alert:{alert.pk}",
                kind=EventKind.ALERT_OPENED,
                at=alert.found_at,
                data=data | {"text": alert.text, "todo": alert.todo},
                now=now,
            )
    return sent


def addresses_of(*, merchant: Merchant) -> list[str]:
    """Give the addresses of a merchant's owners and admins."""
    people = Membership.objects.filter(
        merchant=merchant, role__in=(Role.OWNER, Role.ADMIN), user__is_active=True
    )
    return sorted(people.values_list("user__email", flat=True))


def send_quietly(*, subject: str, text: str, address: str) -> bool:
    """Hand one plain mail over; False, and a line in the log, where the server refuses it."""
    try:
        send_mail(subject, text, None, [address])
    except (SMTPException, OSError):
        logger.warning("A mail to a merchant could not be sent.", exc_info=True)
        return False
    return True


def _mail(alert: Alert, merchant: Merchant, address: str) -> bool:
    subject = f"{merchant.name}: {gettext(alert.title)}"
    link = f"{settings.PUBLIC_URL}{reverse('overview:alert', args=[alert.pk])}"
    choose = f"{settings.PUBLIC_URL}{reverse('overview:alert_settings')}"
    text = gettext(
        "%(text)s\n\nWhat to do: %(todo)s\n\nThe evidence, and the next step:\n%(link)s\n\n"
        "You get this once, until it clears. Choose what you hear about:\n%(choose)s\n"
    ) % {"text": alert.text, "todo": alert.todo, "link": link, "choose": choose}
    return send_quietly(subject=subject, text=text, address=address)
