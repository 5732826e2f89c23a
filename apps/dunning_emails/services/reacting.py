"""What the events of a case mean for links and mails. Each is handed in at least once."""

import datetime as dt
from collections.abc import Sequence

from apps.dunning.mails.chase import Write
from apps.dunning.mails.kinds import CHASE, MailKind
from apps.dunning.mails.single import access_mail, canceled_mail, recovered_mail
from apps.dunning_emails.facts import mail_facts, rules_of
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services import alerts
from apps.dunning_emails.services.planning import drop, plan_sequence, write
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.services import append_event

Kind, Status, EndReason = CaseEvent.Kind, RecoveryCase.Status, RecoveryCase.EndReason

PLANS_ANEW = frozenset(
    {
        Kind.OPENED,
        Kind.TRY_FAILED,
        Kind.TRY_PROCESSING,
        Kind.PLANNED,
        Kind.SKIPPED,
        Kind.WAITING,
        Kind.METHOD_CHANGED,
        Kind.REOPENED,
        Kind.STRIPE_SCHEDULED,
        Kind.TAKEOVER_REFUSED,
        Kind.HELD,
        Kind.RELEASED,
    }
)
"""What may move a sequence. Mails and links are not among them: nothing answers itself."""

ENDS = frozenset({Kind.RECOVERED, Kind.LOST, Kind.STOPPED})
BY_CUSTOMER = (
    Attempt.Trigger.LINK,
    Attempt.Trigger.METHOD_CHANGED,
    Attempt.Trigger.CUSTOMER_CONFIRMED,
)
SKEW = dt.timedelta(minutes=5)
"""How far Stripe's clock may be behind ours."""

JUST_NOW = dt.timedelta(hours=1)
"""Who used the link so lately is awake, and waits for a word."""

FOR_NONPAYMENT = (EndReason.TRIES_USED_UP, EndReason.CANCELED_FOR_NONPAYMENT)


def react_to(*, events: Sequence[CaseEvent], now: dt.datetime) -> None:
    """Plan, drop and write down what events of one case ask for; the caller holds a transaction.

    They share one `case`, and the sequence is planned once for all of them.
    """
    heard = [event for event in events if not event.is_silent]
    if any(event.kind in PLANS_ANEW for event in heard):
        plan_sequence(case=heard[0].case, now=now)
    for event in heard:
        case = event.case
        if event.kind == Kind.ACCESS_REVOKED:
            _tell_access(case, now=now)
        elif event.kind in ENDS:
            _stop(case)
            if event.kind == Kind.RECOVERED:
                _note_fix(event)
                _thank(event, now=now)
            elif event.kind == Kind.LOST:
                _tell_end(case, now=now)
        alerts.react_to(event=event, now=now)


def _stop(case: RecoveryCase) -> None:
    """Take out everything that says it is not paid. What was asked for by hand as well."""
    if case.status != Status.OPEN:
        wanted = Mail.objects.filter(
            case=case,
            status=Mail.Status.SCHEDULED,
            kind__in=[*CHASE, MailKind.ACCESS_REVOKED],
        )
        why = f"The case is {case.get_status_display().lower()}."
        drop(wanted, why=why)


def _tell_access(case: RecoveryCase, *, now: dt.datetime) -> None:
    rules = rules_of(case.merchant)
    if MailKind.ACCESS_REVOKED not in rules.on:
        return
    decision = access_mail(facts=mail_facts(case=case, now=now), rules=rules, now=now)
    if isinstance(decision, Write):
        write(case=case, decision=decision)


def _thank(event: CaseEvent, *, now: dt.datetime) -> None:
    case, rules = event.case, rules_of(event.case.merchant)
    if MailKind.RECOVERED not in rules.on or case.status != Status.RECOVERED:
        return
    is_awake = case.payment_links.filter(used_at__gte=event.at - JUST_NOW).exists()
    decision = recovered_mail(
        facts=mail_facts(case=case, now=now), rules=rules, is_awake=is_awake, now=now
    )
    if isinstance(decision, Write):
        write(case=case, decision=decision)


def _tell_end(case: RecoveryCase, *, now: dt.datetime) -> None:
    """Say that the subscription has ended, where it has: leaving it past due ends nothing."""
    rules = rules_of(case.merchant)
    if MailKind.CANCELED not in rules.on or case.end_reason not in FOR_NONPAYMENT:
        return
    canceled = case.end_reason == EndReason.CANCELED_FOR_NONPAYMENT or (
        case.stripe_subscription_id and case.rules.get("final_action") == "cancel"
    )
    decision = canceled_mail(facts=mail_facts(case=case, now=now), rules=rules, now=now)
    if canceled and isinstance(decision, Write):
        write(case=case, decision=decision)


def _note_fix(event: CaseEvent) -> None:
    """Tell in one line that the customer repaired it on Stripe's page, by way of the link.

    Where they gave a new payment method, the case's own line says so already.
    """
    case = event.case
    used = case.payment_links.filter(used_at__lte=event.at + SKEW)
    if case.status != Status.RECOVERED or event.data.get("fixed_at") or not used.exists():
        return
    attempt = case.attempts.filter(number=event.data.get("attempt")).first()
    if attempt is not None and attempt.trigger not in BY_CUSTOMER:
        return
    granted = case.events.filter(kind=Kind.ACCESS_GRANTED, at__gte=event.at).last()
    zone = case.merchant.zone
    told = f"paid {event.at.astimezone(zone):%H:%M}"
    if granted is not None:
        told += f", access {granted.at.astimezone(zone):%H:%M}"
    append_event(
        case=case,
        kind=Kind.FIXED_BY_CUSTOMER,
        key=f"fixed_by_customer:{event.pk}",
        at=max(event.at, granted.at) if granted else event.at,
        text=f"Fixed by the customer through the payment link: {told}.",
        data={"charge": event.data.get("charge", "")},
        actor="Customer",
    )
