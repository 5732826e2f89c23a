"""Keep the outbox as the decisions say: which mail is planned, moved or dropped."""

import datetime as dt
from collections.abc import Iterable

from apps.dunning.facts import CaseFacts
from apps.dunning.mails.chase import Silence, Write, next_mail
from apps.dunning.mails.kinds import CHASE, KINDS, MailKind
from apps.dunning.outlook import mails_to_come
from apps.dunning.rules import RetryRules
from apps.dunning_emails.facts import Known, about_case, mail_facts, rules_of
from apps.dunning_emails.models import Mail
from apps.recovery.models import RecoveryCase

Status = Mail.Status


def plan_sequence(*, case: RecoveryCase, now: dt.datetime) -> Mail | None:
    """Plan the next mail of a case's sequence, move it, or drop what was planned."""
    rules = rules_of(case.merchant)
    planned = Mail.objects.filter(case=case, status=Status.SCHEDULED, kind__in=CHASE, asked_by="")
    if not rules.on and not planned.exists():
        return None
    if case.held_at is not None:
        drop(planned, why="The case is on hold.")
        return None
    decision = next_mail(facts=mail_facts(case=case, now=now), rules=rules, now=now)
    if isinstance(decision, Silence):
        drop(planned, why=decision.text)
        return None
    drop(planned.exclude(step=decision.step.name), why="Another email goes first.")
    return write(case=case, decision=decision)


def foretold(
    *,
    case: RecoveryCase,
    now: dt.datetime,
    facts: CaseFacts | None,
    known: Known,
) -> tuple[Write, ...]:
    """Foretell the mails of a case's sequence if it stays unpaid, the next one included.

    The outbox holds the next one alone, as things stand; a try before it may move it again. Nothing
    is kept. Empty while the case is held or nothing is known. `facts` are those of `stored_facts`;
    with what is known already it takes two queries more.
    """
    if facts is None or case.held_at is not None:
        return ()
    return mails_to_come(
        facts=facts,
        base=mail_facts(case=case, now=now, facts=facts, known=known),
        retry=RetryRules.from_json(case.rules),
        mails=rules_of(case.merchant),
        now=now,
    )


def write(*, case: RecoveryCase, decision: Write) -> Mail | None:
    """Put a decided mail into the outbox, or move it there; None if it is gone already."""
    mail, created = Mail.objects.get_or_create(
        merchant_id=case.merchant_id,
        about=about_case(case),
        step=decision.step.name,
        person=case.stripe_customer_id,
        defaults={
            "case": case,
            "kind": decision.step.kind.value,
            "due_at": decision.at,
            "why": decision.why,
        },
    )
    if not created:
        # Only what has not left may be moved; the row's own status decides, not what was read.
        moved = Mail.objects.filter(pk=mail.pk, status__in=(Status.SCHEDULED, Status.DROPPED))
        if not moved.update(status=Status.SCHEDULED, due_at=decision.at, why=decision.why):
            return None
        mail.due_at, mail.status = decision.at, Status.SCHEDULED
    return mail


def drop(mails: Iterable[Mail], *, why: str) -> int:
    """Take planned mails out, with the reason; give back how many were still there."""
    count = 0
    for mail in mails:
        waiting = Mail.objects.filter(pk=mail.pk, status=Status.SCHEDULED)
        if waiting.update(status=Status.DROPPED, why=why[:300]):
            count += 1
    return count


def title_of(mail: Mail) -> str:
    """Name a mail as settings and timeline do."""
    return KINDS[MailKind(mail.kind)].title if mail.kind in KINDS else "Alert to you"
