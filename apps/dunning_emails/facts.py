"""From cases, customers and the outbox to the facts a mail decision is made of."""

import datetime as dt

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.dunning.codes import lookup
from apps.dunning.facts import CaseFacts
from apps.dunning.forecast import course
from apps.dunning.mails.facts import Address, MailFacts, Need, Sent
from apps.dunning.mails.kinds import CHASE, SAYS_FAILED, MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning.rules import RetryRules
from apps.dunning_emails.models import BouncedAddress, EmailSettings, Mail, MailTemplate
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.queries.checks import stored_facts

MEMORY = dt.timedelta(days=8)
"""How far back mails to a person count; the cap is by the week."""

Step, Kind = RecoveryCase.Step, CaseEvent.Kind


def settings_of(merchant: Merchant) -> EmailSettings:
    """Give the merchant's settings; the defaults, unsaved and of version 0, before the first save."""
    found = EmailSettings.objects.filter(merchant=merchant).first()
    return found or EmailSettings(merchant=merchant, version=0)


def rules_of(merchant: Merchant) -> MailRules:
    """Read what a merchant chose as `dunning` takes it; two queries."""
    settings = settings_of(merchant)
    rows = list(MailTemplate.objects.for_merchant(merchant))
    return MailRules(
        on={row.mail_kind: row.on_since for row in rows if row.on_since is not None},
        days={row.mail_kind: row.days for row in rows if row.days is not None},
        confirm_days=tuple(settings.confirm_days),
        invoice_days=tuple(settings.invoice_days),
        quiet_from=settings.quiet_from,
        quiet_until=settings.quiet_until,
        weekly_cap=settings.weekly_cap,
    )


def about_case(case: RecoveryCase) -> str:
    """Name a case in the outbox."""
    return f"case:{case.pk}"


def customer_of(case: RecoveryCase) -> Customer | None:
    """Find the payer of a case."""
    return (
        Customer.objects.for_merchant(case.merchant)
        .filter(stripe_customer_id=case.stripe_customer_id)
        .first()
    )


def mail_facts(
    *, case: RecoveryCase, now: dt.datetime, facts: CaseFacts | None = None
) -> MailFacts:
    """Gather everything a decision about a case's mails may look at; about ten queries, no call.

    `facts` are those of `stored_facts`, where the caller has them already.
    """
    customer = customer_of(case)
    facts = facts or stored_facts(case=case, now=now)
    need = need_of(case, facts)
    return MailFacts(
        failed_at=case.failed_at,
        need=need,
        zone=(customer.time_zone if customer else "") or case.merchant.time_zone,
        needed_at=_needed_at(case, need),
        is_open=case.status == RecoveryCase.Status.OPEN,
        is_live=case.source == RecoveryCase.Source.LIVE,
        is_automatic=facts is None or facts.collected_automatically,
        is_processing=facts is not None and facts.processing,
        next_try_at=_next_try(case),
        ends_at=ends_at(case=case, facts=facts, now=now),
        sent=_sent(case),
        to_person=to_person(merchant=case.merchant, person=case.stripe_customer_id, now=now),
        address=address_state(merchant=case.merchant, customer=customer),
    )


def address_state(*, merchant: Merchant, customer: Customer | None) -> Address:
    """Tell whether mail reaches a customer: ok, missing or bounced."""
    if customer is None or not customer.email or customer.is_deleted:
        return "missing"
    has_bounced = (
        BouncedAddress.objects.for_merchant(merchant).filter(email=customer.email.lower()).exists()
    )
    return "bounced" if has_bounced else "ok"


def need_of(case: RecoveryCase, facts: CaseFacts | None) -> Need:
    """Say what would get the case paid."""
    if case.next_step == Step.AUTHENTICATION:
        return "confirm"
    if case.next_step in (Step.NEW_CARD, Step.NO_METHOD):
        return "new_method"
    last = facts.last_failure if facts else None
    if case.next_step in (Step.STRIPE, Step.NOTHING) and last is not None and last.decline:
        row = lookup(last.decline, last.method_type)
        if row.needs_authentication:
            return "confirm"
        if row.hard:
            return "new_method"
    return "retry"


def ends_at(*, case: RecoveryCase, facts: CaseFacts | None, now: dt.datetime) -> dt.datetime | None:
    """Say when the recovery ends as planned; None where Stripe decides, or nobody knows yet."""
    if case.status != RecoveryCase.Status.OPEN or case.engine != RecoveryCase.Engine.RECOUP:
        return None
    rules = RetryRules.from_json(case.rules)
    if case.next_step in (Step.NEW_CARD, Step.NO_METHOD, Step.AUTHENTICATION):
        return case.failed_at + rules.horizon
    if case.next_step != Step.RETRY or facts is None:
        return None
    return course(facts=facts, rules=rules, now=now).ends_at


def to_person(*, merchant: Merchant, person: str, now: dt.datetime) -> tuple[dt.datetime, ...]:
    """Give the times of the mails about failures that one person got lately."""
    rows = (
        Mail.objects.for_merchant(merchant)
        .filter(person=person, kind__in=SAYS_FAILED, sent_at__gt=now - MEMORY)
        .values_list("sent_at", flat=True)
    )
    return tuple(at for at in rows if at is not None)


def _sent(case: RecoveryCase) -> tuple[Sent, ...]:
    rows = (
        Mail.objects.filter(case=case, kind__in=[*CHASE, MailKind.ACCESS_REVOKED])
        .filter(status__in=Mail.GONE)
        .select_related("bundle")
    )
    found = [Sent(row.step, row.sent_at or row.bundle.sent_at) for row in rows]  # type: ignore[union-attr,arg-type]
    return tuple(one for one in found if one.at is not None)


def _next_try(case: RecoveryCase) -> dt.datetime | None:
    if case.next_step == Step.STRIPE:
        return case.next_try_at
    planned = case.attempts.filter(status=Attempt.Status.SCHEDULED).first()
    return planned.due_at if planned else None


def _needed_at(case: RecoveryCase, need: Need) -> dt.datetime | None:
    """Say since when the customer's bank is waited for, where that came later than the failure."""
    if need != "confirm":
        return None
    waiting = case.events.filter(kind=Kind.WAITING, data__what="authentication").last()
    return waiting.at if waiting else None
