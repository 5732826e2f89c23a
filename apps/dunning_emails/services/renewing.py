"""A customer asks for a new link: it goes to the address on file, and nowhere else."""

import datetime as dt

from django.db import transaction
from django.db.models import Q

from apps.dunning.mails.asked import APART, new_link_mail
from apps.dunning.mails.chase import Silence, Write
from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.facts import about_case, address_state, customer_of
from apps.dunning_emails.models import Mail, PaymentLink
from apps.dunning_emails.services import alerts
from apps.dunning_emails.services.planning import write
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event

SENT = "The customer opened a link that no longer works; a new one goes to the address on file."
NOT_SENT = {
    "no_address": (
        "The customer opened a link that no longer works and asked for a new one. There is no "
        "address to send it to: make a link here and hand it to them."
    ),
    "bounced": (
        "The customer opened a link that no longer works and asked for a new one. Mail to them "
        "comes back: change the address in Stripe, or make a link here and hand it to them."
    ),
}


def ask_for_new_link(*, link: PaymentLink, now: dt.datetime) -> bool:
    """Put a mail with a new link into the outbox, or tell owners that there is no address.

    True if a mail goes out. Nothing happens when the last one is not long ago, whichever link of
    the case was used to ask. The caller shows the customer the same words in every case: who holds
    an old link learns nothing about the person.
    """
    with transaction.atomic(durable=True):
        case = (
            RecoveryCase.objects.select_for_update(of=("self",))
            .select_related("merchant")
            .get(pk=link.case_id)
        )
        decision = new_link_mail(
            address=address_state(merchant=case.merchant, customer=customer_of(case)),
            asked=_asked(case),
            now=now,
        )
        if isinstance(decision, Silence):
            _tell_merchant(link, case, decision, now=now)
            return False
        return _put(case, decision, now=now)


def _asked(case: RecoveryCase) -> list[dt.datetime]:
    rows = Mail.objects.filter(case=case, kind=MailKind.NEW_LINK)
    return list(rows.values_list("due_at", flat=True))


def _put(case: RecoveryCase, decision: Write, *, now: dt.datetime) -> bool:
    mail = write(case=case, decision=decision)
    if mail is None:
        return False
    Mail.objects.filter(pk=mail.pk).update(asked_by="Customer")
    _note(case, key=f"link_asked:{about_case(case)}:{now:%Y-%m-%d}", text=SENT, now=now)
    return True


def _tell_merchant(
    link: PaymentLink, case: RecoveryCase, why: Silence, *, now: dt.datetime
) -> None:
    """Write it on the case and to the owners, once a day; nothing where a link went out lately."""
    text = NOT_SENT.get(why.code)
    lately = Q(asked_again_at=None) | Q(asked_again_at__lt=now - APART)
    mine = PaymentLink.objects.filter(lately, pk=link.pk)
    if text is None or not mine.update(asked_again_at=now):
        return
    _note(case, key=f"link_asked:{why.code}:{now:%Y-%m-%d}", text=text, now=now)
    alerts.tell_owners(
        case.merchant,
        about=f"{about_case(case)}:{now:%Y-%m-%d}",
        step=alerts.ALERT_LINK_ASKED,
        case=case,
        at=now,
    )


def _note(case: RecoveryCase, *, key: str, text: str, now: dt.datetime) -> None:
    append_event(
        case=case,
        kind=CaseEvent.Kind.LINK_ASKED,
        key=key,
        at=now,
        text=text,
        actor="Customer",
    )
