"""Hand a claimed mail over and write down what came of it."""

import datetime as dt

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Merchant
from apps.dunning_emails.models import BouncedAddress, Mail
from apps.dunning_emails.services.bundling import unbundle
from apps.dunning_emails.services.planning import plan_sequence, title_of
from apps.dunning_emails.transport import Handed, Post
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event

Status, EventKind = Mail.Status, CaseEvent.Kind

AGAIN = dt.timedelta(minutes=10)
MOST_TRIES = 6


def hand_over(*, mail: Mail, message: EmailMultiAlternatives, line: Post, now: dt.datetime) -> bool:
    """Note that it is on its way, hand it over, and note what came of it; True if it left.

    From the first note on the mail may have arrived, whatever happens to this worker.
    """
    mail.recipient, mail.tries = message.to[0], mail.tries + 1
    mail.data = {**mail.data, "handed_at": now.isoformat()}
    mine = Mail.objects.filter(pk=mail.pk, status=Status.SENDING)
    if not mine.update(recipient=mail.recipient, tries=mail.tries, data=mail.data):
        return False
    record(mail=mail, handed=line.hand_over(message), now=now)
    return mail.status in Mail.GONE


def record(*, mail: Mail, handed: Handed, now: dt.datetime) -> None:
    """Write down what came of handing a mail over, and plan what follows."""
    if handed.outcome == "later" and mail.tries < MOST_TRIES:
        put_back(
            mail, due_at=now + AGAIN * 2 ** (mail.tries - 1), why="The mail server is not ready."
        )
        return
    gone = handed.outcome in ("sent", "unknown")
    mail.status = {"sent": Status.SENT, "unknown": Status.UNKNOWN}.get(
        handed.outcome, Status.REFUSED
    )
    mail.sent_at, mail.lease_until = (now if gone else None), None
    mail.provider_message_id, mail.why = handed.provider_id[:255], handed.note[:300]
    with transaction.atomic(durable=True):
        mail.save()
        if not gone:
            unbundle(mail)
        if handed.outcome == "bad_address" and mail.is_to_customer:
            note_bad_address(
                merchant=mail.merchant,
                email=mail.recipient,
                reason=BouncedAddress.Reason.REFUSED,
                now=now,
            )
        for case in cases_of(mail):
            _tell(mail, case, handed, now=now)
    for case in cases_of(mail):
        plan_sequence(case=case, now=now)


def put_back(mail: Mail, *, due_at: dt.datetime, why: str) -> None:
    """Let a claimed mail wait: nothing has left."""
    Mail.objects.filter(pk=mail.pk, status=Status.SENDING).update(
        status=Status.SCHEDULED, due_at=due_at, why=why[:300], lease_until=None, recipient=""
    )
    unbundle(mail)


def settle_lost(*, limit: int = 100) -> int:
    """Write down what became of mails whose worker died: those on their way may have arrived."""
    lost = Mail.objects.filter(status=Status.SENDING, lease_until__lt=timezone.now())
    count = 0
    for mail in lost.select_related("case")[:limit]:
        again = Mail.objects.filter(pk=mail.pk, status=Status.SENDING, recipient="")
        if again.update(status=Status.SCHEDULED, lease_until=None):
            unbundle(mail)
            continue
        gone = lost.filter(pk=mail.pk).select_related("case").first()
        if gone is None:
            continue  # its worker was slow, not dead, and has written down what came of it
        at = dt.datetime.fromisoformat(gone.data["handed_at"])
        record(mail=gone, handed=Handed("unknown", note="The worker died."), now=at)
        count += 1
    return count


def cases_of(mail: Mail) -> list[RecoveryCase]:
    """Return the cases whose customer a mail writes to: its own, and those it took in."""
    if not mail.is_to_customer:
        return []
    taken = [row.case for row in mail.bundled.select_related("case__merchant")]
    return [case for case in (mail.case, *taken) if case is not None]


def _tell(mail: Mail, case: RecoveryCase, handed: Handed, *, now: dt.datetime) -> None:
    RecoveryCase.objects.select_for_update().get(pk=case.pk)
    title = title_of(mail)
    kind, text = {
        "sent": (EventKind.MAIL_SENT, f"{title}."),
        "unknown": (
            EventKind.MAIL_SENT,
            f"{title}. The mail server's answer was lost; it is not sent a second time.",
        ),
        "bad_address": (
            EventKind.MAIL_BOUNCED,
            f"{title}: there is no such address. Ask the customer for another one.",
        ),
    }.get(handed.outcome, (EventKind.MAIL_NOT_SENT, f"{title}: the mail server refused it."))
    append_event(
        case=case,
        kind=kind,
        key=f"mail:{mail.pk}:{mail.tries}",
        at=now,
        text=text,
        data={"mail": mail.pk, "step": mail.step, "outcome": handed.outcome},
        actor=mail.asked_by or "Recoup",
    )


def note_bad_address(
    *, merchant: Merchant, email: str, reason: BouncedAddress.Reason, now: dt.datetime
) -> bool:
    """Send nothing more to an address; False if that was known."""
    _, created = BouncedAddress.objects.get_or_create(
        merchant=merchant, email=email.lower(), defaults={"reason": reason, "at": now}
    )
    return created
