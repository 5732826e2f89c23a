"""What the provider tells later about a mail: delivered, come back, unwanted, opened, clicked."""

import datetime as dt
from typing import Literal

from django.db import transaction

from apps.accounts.models import AuditEntry, Merchant, User
from apps.accounts.services import record_audit
from apps.dunning_emails.models import BouncedAddress, Mail
from apps.dunning_emails.services.handing import cases_of, note_bad_address
from apps.dunning_emails.services.planning import plan_sequence, title_of
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event

Told = Literal["delivered", "bounced", "complained", "opened", "clicked"]

TEXTS = {
    Mail.Delivery.BOUNCED: "it came back. Ask the customer for another address.",
    Mail.Delivery.COMPLAINED: "the customer marked it as spam. Nothing more is sent there.",
}


def note_delivery(*, provider_message_id: str, told: Told, now: dt.datetime) -> bool:
    """Write down what a provider told; False for a message that is none of ours.

    Notices come twice and out of order: nothing is taken back, and a bounce is told once. Opening
    and clicking are counted as told, which is unreliable: many programs open everything.
    """
    if not provider_message_id:
        return False
    mail = (
        Mail.objects.filter(provider_message_id=provider_message_id)
        .select_related("merchant", "case__merchant")
        .first()
    )
    if mail is None:
        return False
    if told in ("opened", "clicked"):
        field = f"{told}_at"
        Mail.objects.filter(pk=mail.pk, **{field: None}).update(**{field: now})
        return True
    if told == "delivered":
        unknown = Mail.objects.filter(pk=mail.pk, delivery=Mail.Delivery.NONE)
        unknown.update(delivery=Mail.Delivery.DELIVERED, delivery_at=now)
        return True
    _note_trouble(mail, Mail.Delivery(told), now=now)
    return True


def _note_trouble(mail: Mail, delivery: Mail.Delivery, *, now: dt.datetime) -> None:
    with transaction.atomic(durable=True):
        news = Mail.objects.filter(pk=mail.pk).exclude(delivery=delivery)
        if not news.update(delivery=delivery, delivery_at=now) or not mail.is_to_customer:
            return
        note_bad_address(
            merchant=mail.merchant,
            email=mail.recipient,
            reason=BouncedAddress.Reason(delivery.value),
            now=now,
        )
        cases = cases_of(mail)
        for case in cases:
            RecoveryCase.objects.select_for_update().get(pk=case.pk)
            append_event(
                case=case,
                kind=CaseEvent.Kind.MAIL_BOUNCED,
                key=f"mail:{mail.pk}:{delivery}",
                at=now,
                text=f"{title_of(mail)}: {TEXTS[delivery]}",
                data={"mail": mail.pk, "step": mail.step},
            )
    _replan(merchant=mail.merchant, person=mail.person, now=now)


def mail_again(*, merchant: Merchant, email: str, user: User, now: dt.datetime) -> bool:
    """Let mail go to an address again, because a person says that it works; False if it did."""
    with transaction.atomic(durable=True):
        removed, _ = BouncedAddress.objects.for_merchant(merchant).filter(email=email).delete()
        if removed:
            _audit(merchant, user, now)
    return bool(removed)


def _audit(merchant: Merchant, user: User, now: dt.datetime) -> AuditEntry:
    return record_audit(merchant=merchant, user=user, action="emails.mail_again", at=now)


def _replan(*, merchant: Merchant, person: str, now: dt.datetime) -> None:
    open_cases = RecoveryCase.objects.for_merchant(merchant).open()
    for case in open_cases.filter(stripe_customer_id=person).select_related("merchant"):
        plan_sequence(case=case, now=now)
