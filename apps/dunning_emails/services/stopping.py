"""A customer stops reminders by the link in one, or lets them come again. Recorded per customer.

Source: https://www.rfc-editor.org/rfc/rfc8058
"""

import datetime as dt
import uuid

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db.models import QuerySet
from django.urls import reverse

from apps.accounts.models import Merchant
from apps.dunning.mails.kinds import REMINDERS
from apps.dunning_emails.models import Mail, NoReminders
from apps.dunning_emails.services.planning import plan_sequence
from apps.recovery.models import RecoveryCase

_signer = Signer(salt="dunning_emails.no_reminders")


def stop_url(mail: Mail) -> str:
    """Give the address that stops reminders to who gets this mail; "" where it is none."""
    if mail.kind not in REMINDERS or not mail.is_to_customer:
        return ""
    token = _signer.sign(mail.key.hex)
    return f"{settings.PUBLIC_URL}{reverse('mail:stop', args=[token])}"


def headers_for(url: str) -> dict[str, str]:
    """Give the headers by which mail programs offer one click; the click needs https."""
    if not url:
        return {}
    headers = {"List-Unsubscribe": f"<{url}>"}
    if url.startswith("https://"):
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def mail_of(*, token: str) -> Mail | None:
    """Find the mail that a token was made for; None where we signed none."""
    try:
        key = uuid.UUID(_signer.unsign(token))
    except (BadSignature, ValueError):
        return None
    return Mail.objects.filter(key=key).select_related("merchant").first()


def stop_reminders(*, mail: Mail, now: dt.datetime) -> None:
    """Send this customer nothing more that only repeats or announces; twice is once."""
    NoReminders.objects.get_or_create(
        merchant=mail.merchant,
        stripe_customer_id=mail.person,
        defaults={"mail": mail, "since": now},
    )
    _plan_anew(mail.merchant, mail.person, now=now)


def send_reminders_again(*, mail: Mail, now: dt.datetime) -> None:
    """Let reminders come again."""
    _stopped(mail.merchant, mail.person).delete()
    _plan_anew(mail.merchant, mail.person, now=now)


def is_stopped(*, mail: Mail) -> bool:
    """Tell whether this customer wants no reminders."""
    return _stopped(mail.merchant, mail.person).exists()


def _stopped(merchant: Merchant, person: str) -> QuerySet[NoReminders]:
    return NoReminders.objects.for_merchant(merchant).filter(stripe_customer_id=person)


def _plan_anew(merchant: Merchant, person: str, *, now: dt.datetime) -> None:
    """Move what is planned for open cases; what is about no case is decided again when it is due."""
    cases = RecoveryCase.objects.for_merchant(merchant).open().filter(stripe_customer_id=person)
    for case in cases.select_related("merchant"):
        plan_sequence(case=case, now=now)
