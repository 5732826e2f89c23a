"""Tells whoever asked that an export is done. The file stays here; the mail holds a link."""

import datetime as dt
import logging
import uuid
from smtplib import SMTPException

from django.core.mail import send_mail
from django.utils.translation import gettext

from apps.accounts.models import Membership, Merchant, User
from apps.exports.files import SOURCES
from apps.exports.models import Export
from apps.web.formats import format_date, format_number

logger = logging.getLogger(__name__)

TRIED_FOR = dt.timedelta(hours=1)
"""How long a mail server that refuses is asked again."""

MAILED = (Export.Status.READY, Export.Status.FAILED)


def unmailed_exports(*, now: dt.datetime) -> list[uuid.UUID]:
    """Return the ids of finished exports nobody was told of yet."""
    rows = Export.objects.filter(status__in=MAILED, mailed_at=None, finished_at__gt=now - TRIED_FOR)
    return list(rows.values_list("pk", flat=True))


def mail_export(*, export_id: uuid.UUID, now: dt.datetime) -> bool:
    """Send the one mail about a finished export; False where there is nobody or nothing to tell.

    The row is taken first: two workers send one mail. If the server refuses, the row is put back.
    """
    mine = Export.objects.filter(pk=export_id, status__in=MAILED, mailed_at=None)
    if not mine.update(mailed_at=now):
        return False
    export = Export.objects.select_related("merchant", "user").get(pk=export_id)
    user = export.user
    if user is None or not _belongs(user, export.merchant):
        return False
    try:
        send_mail(_subject(export), _text(export), None, [user.email])
    except (SMTPException, OSError):
        logger.warning("The mail about export %s could not be sent.", export.pk, exc_info=True)
        Export.objects.filter(pk=export.pk, mailed_at=now).update(mailed_at=None)
        return False
    return True


def _belongs(user: User, merchant: Merchant) -> bool:
    """Tell whether somebody may still come and fetch a file of a merchant."""
    return user.is_active and Membership.objects.filter(user=user, merchant=merchant).exists()


def _subject(export: Export) -> str:
    if export.status == Export.Status.READY:
        return gettext("Your export is ready: %(file)s") % {"file": export.file_name}
    return gettext("Your export stopped: %(file)s") % {"file": export.file_name}


def _text(export: Export) -> str:
    merchant = export.merchant
    values = {
        "what": SOURCES[export.source].title,
        "store": merchant.name,
        "filters": export.filters,
        "rows": format_number(export.rows_done, locale=merchant.locale),
        "failure": export.failure,
        "link": export.link,
    }
    if export.status == Export.Status.FAILED or export.expires_at is None:
        pattern = gettext(
            "%(what)s of %(store)s (%(filters)s)\n\n"
            "%(failure)s There is no file. Try again:\n%(link)s\n"
        )
        return pattern % values
    values["day"] = format_date(
        export.expires_at, zone=merchant.zone, locale=merchant.locale, now=None
    )
    pattern = gettext(
        "%(what)s of %(store)s (%(filters)s): %(rows)s rows.\n\n"
        "Download it until %(day)s, signed in:\n%(link)s\n"
    )
    return pattern % values
