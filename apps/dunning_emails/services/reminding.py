"""A person asks for a mail to a customer now: checked, once a day, on record."""

import datetime as dt

from django.db import transaction

from apps.accounts.models import Merchant, User
from apps.accounts.services import record_audit
from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.facts import about_case, address_state, customer_of, need_of
from apps.dunning_emails.models import Mail
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.checks import stored_facts


class NotNow(Exception):
    """No mail can go to this customer now; the text says why."""


def kind_for(case: RecoveryCase, *, now: dt.datetime) -> MailKind:
    """Choose the mail that fits: what the bank waits for, else the first or a later reminder."""
    if need_of(case, stored_facts(case=case, now=now)) == "confirm":
        return MailKind.CONFIRM
    written = Mail.objects.filter(case=case, status__in=Mail.GONE).exists()
    return MailKind.FAILED_2 if written else MailKind.FAILED_1


def why_not(*, case: RecoveryCase, now: dt.datetime) -> str:
    """Say why no reminder can go out now; "" when one can."""
    if case.status != RecoveryCase.Status.OPEN:
        return "This case is closed."
    state = address_state(merchant=case.merchant, customer=customer_of(case))
    if state == "missing":
        return "The customer has no email address."
    if state == "no_reminders":
        return "The customer asked for no reminders."
    if state == "bounced":
        return "Mail to the customer came back. Change the address in Stripe first."
    if Mail.objects.filter(about=about_case(case), step=step_of(now)).exists():
        return "A reminder was asked for today already."
    return ""


def step_of(now: dt.datetime) -> str:
    """Name a reminder by its day: one a day."""
    return f"by_hand:{now:%Y-%m-%d}"


def remind(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> Mail:
    """Put a reminder into the outbox, to go out at once. It works with every kind switched off.

    Raises:
        NotNow: nothing can or should go out; the text says why.
        RecoveryCase.DoesNotExist: this merchant has no such case.
    """
    with transaction.atomic(durable=True):
        case = (
            RecoveryCase.objects.for_merchant(merchant)
            .select_for_update(of=("self",))
            .select_related("merchant")
            .get(pk=case_id)
        )
        blocked = why_not(case=case, now=now)
        if blocked:
            raise NotNow(blocked)
        mail = Mail.objects.create(
            merchant=merchant,
            case=case,
            about=about_case(case),
            step=step_of(now),
            kind=kind_for(case, now=now),
            person=case.stripe_customer_id,
            due_at=now,
            asked_by=user.email,
        )
        record_audit(
            merchant=merchant,
            user=user,
            action="case.remind",
            subject=case.stripe_invoice_id,
            at=now,
            after={"kind": mail.kind},
        )
    return mail
