"""Several failed payments of one customer go into one mail."""

import datetime as dt

from apps.dunning.mails.chase import Write, next_mail
from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.facts import about_case, mail_facts, rules_of
from apps.dunning_emails.models import Mail
from apps.recovery.models import RecoveryCase

Status = Mail.Status

TOGETHER = frozenset({MailKind.FAILED_1, MailKind.FAILED_2, MailKind.FAILED_3})
NEAR = dt.timedelta(days=1)
"""What would be written within a day is said now."""


def bundle(*, mail: Mail, case: RecoveryCase, now: dt.datetime) -> list[RecoveryCase]:
    """Take the customer's other payments into this mail whose own would go out within a day.

    Their steps count as written. The caller has claimed the mail, and with it the person.
    """
    if mail.kind not in TOGETHER or mail.asked_by:
        return []
    rules = rules_of(case.merchant)
    others = (
        RecoveryCase.objects.for_merchant(case.merchant)
        .open()
        .filter(stripe_customer_id=case.stripe_customer_id)
        .exclude(pk=case.pk)
        .select_related("merchant")
        .order_by("failed_at", "pk")
    )
    taken = []
    for other in others:
        decision = next_mail(facts=mail_facts(case=other, now=now), rules=rules, now=now)
        if not isinstance(decision, Write) or decision.step.kind not in TOGETHER:
            continue
        if decision.at <= now + NEAR and _take(other, decision, into=mail, now=now):
            taken.append(other)
    return taken


def _take(other: RecoveryCase, decision: Write, *, into: Mail, now: dt.datetime) -> bool:
    row, _ = Mail.objects.get_or_create(
        merchant_id=other.merchant_id,
        about=about_case(other),
        step=decision.step.name,
        person=other.stripe_customer_id,
        defaults={"case": other, "kind": decision.step.kind.value, "due_at": now},
    )
    waiting = Mail.objects.filter(pk=row.pk, status__in=(Status.SCHEDULED, Status.DROPPED))
    return bool(waiting.update(status=Status.BUNDLED, bundle=into, why="Said in another email."))


def unbundle(mail: Mail) -> None:
    """Let the payments of a mail that did not leave have their own again."""
    Mail.objects.filter(bundle=mail, status=Status.BUNDLED).update(
        status=Status.SCHEDULED, bundle=None, why=""
    )
