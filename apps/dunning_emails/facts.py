"""From cases, customers and the outbox to the facts a mail decision is made of."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from django.db.models import Exists, Q

from apps.accounts.models import Merchant
from apps.customers.models import Customer
from apps.customers.payers import Payer
from apps.dunning.codes import lookup
from apps.dunning.facts import CaseFacts
from apps.dunning.forecast import course
from apps.dunning.mails.facts import Address, MailFacts, Need, Sent
from apps.dunning.mails.kinds import CAPPED, CHASE, MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning.money import Money
from apps.dunning.rules import RetryRules
from apps.dunning.sent_invoices import InvoiceEnd, SentInvoiceRules
from apps.dunning_emails.models import (
    BouncedAddress,
    EmailSettings,
    Mail,
    MailTemplate,
    NoReminders,
)
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.recovery.queries.checks import stored_facts

MEMORY = dt.timedelta(days=8)
"""How far back mails to a person count; the cap is by the week."""

Step, Kind = RecoveryCase.Step, CaseEvent.Kind


@dataclass(frozen=True, slots=True)
class Known:
    """What the page of a case has read already, so that it is not asked for again.

    `mails` are those of `mails_around`; attempts and events are the case's own.
    """

    customer: Payer | None
    attempts: Sequence[Attempt]
    events: Sequence[CaseEvent]
    mails: Sequence[Mail]


def settings_of(merchant: Merchant) -> EmailSettings:
    """Give the merchant's settings; the defaults, unsaved and of version 0, before the first save."""
    found = EmailSettings.objects.filter(merchant=merchant).first()
    return found or EmailSettings(merchant=merchant, version=0)


def rules_of(merchant: Merchant) -> MailRules:
    """Read what a merchant chose as `dunning` takes it; one query, two before any mail was set."""
    rows = list(
        MailTemplate.objects.for_merchant(merchant).select_related("merchant__email_settings")
    )
    settings = _settings_with(rows[0]) if rows else settings_of(merchant)
    return MailRules(
        on={row.mail_kind: row.on_since for row in rows if row.on_since is not None},
        days={row.mail_kind: row.days for row in rows if row.days is not None},
        confirm_days=tuple(settings.confirm_days),
        invoice_days=tuple(settings.invoice_days),
        quiet_from=settings.quiet_from,
        quiet_until=settings.quiet_until,
        weekly_cap=settings.weekly_cap,
    )


def _settings_with(row: MailTemplate) -> EmailSettings:
    kept = getattr(row.merchant, "email_settings", None)
    return kept or EmailSettings(merchant=row.merchant, version=0)


def invoice_rules_of(settings: EmailSettings) -> SentInvoiceRules:
    """Give what a merchant wants done to sent invoices, as `dunning` takes it."""
    limit = settings.credit_up_to_minor
    return SentInvoiceRules(
        end=cast("InvoiceEnd", settings.invoice_end),
        end_days=settings.invoice_end_days,
        end_since=settings.invoice_end_since,
        credit_up_to=None if limit is None else Money(limit, settings.credit_currency),
        credit_since=settings.credit_since,
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
    *,
    case: RecoveryCase,
    now: dt.datetime,
    facts: CaseFacts | None = None,
    known: Known | None = None,
) -> MailFacts:
    """Gather everything a decision about a case's mails may look at; about ten queries, no call.

    `facts` are those of `stored_facts`, where the caller has them already, and `known` the rest.
    """
    customer = known.customer if known else customer_of(case)
    facts = facts or stored_facts(case=case, now=now)
    need = need_of(case, facts)
    return MailFacts(
        failed_at=case.failed_at,
        need=need,
        zone=(customer.time_zone if customer else "") or case.merchant.time_zone,
        needed_at=_needed_at(case, need, known),
        is_open=case.status == RecoveryCase.Status.OPEN,
        is_live=case.source == RecoveryCase.Source.LIVE,
        is_automatic=facts is None or facts.collected_automatically,
        is_processing=facts is not None and facts.processing,
        next_try_at=_next_try(case, known),
        ends_at=ends_at(case=case, facts=facts, now=now),
        sent=_sent(case, known),
        to_person=_lately(known.mails, case, now)
        if known
        else to_person(merchant=case.merchant, person=case.stripe_customer_id, now=now),
        address=address_state(merchant=case.merchant, customer=customer),
    )


def address_state(*, merchant: Merchant, customer: Customer | Payer | None) -> Address:
    """Tell whether mail reaches a customer, and whether they want reminders; one query."""
    if customer is None or not customer.email or customer.is_deleted:
        return "missing"
    bounced = BouncedAddress.objects.for_merchant(merchant).filter(email=customer.email.lower())
    stopped = NoReminders.objects.for_merchant(merchant).filter(
        stripe_customer_id=customer.stripe_customer_id
    )
    rows = Merchant.objects.filter(pk=merchant.pk).values_list(Exists(bounced), Exists(stopped))
    has_bounced, is_stopped = rows.get()
    if has_bounced:
        return "bounced"
    return "no_reminders" if is_stopped else "ok"


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


def confirm_ends_at(
    *, case: RecoveryCase, facts: CaseFacts | None, settings: EmailSettings
) -> dt.datetime | None:
    """Say when a case ends whose customer confirms nothing, by the merchant's rule; None without one."""
    if need_of(case, facts) != "confirm" or settings.confirm_end == settings.InvoiceEnd.LEAVE:
        return None
    since = settings.confirm_end_since
    if since is None or case.failed_at < since or case.engine != RecoveryCase.Engine.RECOUP:
        return None
    needed_at = _needed_at(case, "confirm", None) or case.failed_at
    days = max(settings.confirm_days, default=0) + settings.confirm_end_days
    return needed_at + dt.timedelta(days=days)


def to_person(*, merchant: Merchant, person: str, now: dt.datetime) -> tuple[dt.datetime, ...]:
    """Give the times of the mails that count for the week's cap, of those one person got lately."""
    rows = (
        Mail.objects.for_merchant(merchant)
        .filter(person=person, kind__in=CAPPED, sent_at__gt=now - MEMORY)
        .values_list("sent_at", flat=True)
    )
    return tuple(at for at in rows if at is not None)


def mails_around(*, case: RecoveryCase, now: dt.datetime) -> list[Mail]:
    """Read a case's mails and what its customer got lately about any failure; one query."""
    lately = Q(person=case.stripe_customer_id, kind__in=CAPPED, sent_at__gt=now - MEMORY)
    return list(
        Mail.objects.for_merchant(case.merchant)
        .filter(Q(case=case) | lately)
        .select_related("bundle")
        .order_by("id")
    )


def _lately(mails: Sequence[Mail], case: RecoveryCase, now: dt.datetime) -> tuple[dt.datetime, ...]:
    """Give what `to_person` gives, from mails that were read already."""
    return tuple(
        one.sent_at
        for one in mails
        if one.person == case.stripe_customer_id
        and one.kind in CAPPED
        and one.sent_at is not None
        and one.sent_at > now - MEMORY
    )


def _sent(case: RecoveryCase, known: Known | None) -> tuple[Sent, ...]:
    kinds = (*CHASE, MailKind.ACCESS_REVOKED)
    rows: Iterable[Mail]
    if known:
        rows = [
            one
            for one in known.mails
            if one.case_id == case.pk and one.kind in kinds and one.status in Mail.GONE
        ]
    else:
        own = Mail.objects.filter(case=case, kind__in=kinds, status__in=Mail.GONE)
        rows = own.select_related("bundle")
    found = [Sent(row.step, row.sent_at or row.bundle.sent_at) for row in rows]  # type: ignore[union-attr,arg-type]
    return tuple(one for one in found if one.at is not None)


def _next_try(case: RecoveryCase, known: Known | None) -> dt.datetime | None:
    if case.next_step == Step.STRIPE:
        return case.next_try_at
    if known:
        found = (one for one in known.attempts if one.status == Attempt.Status.SCHEDULED)
        return next((one.due_at for one in found), None)
    planned = case.attempts.filter(status=Attempt.Status.SCHEDULED).first()
    return planned.due_at if planned else None


def _needed_at(case: RecoveryCase, need: Need, known: Known | None) -> dt.datetime | None:
    """Say since when the customer's bank is waited for, where that came later than the failure."""
    if need != "confirm":
        return None
    if known:
        return max((one.at for one in known.events if _waits_for_bank(one)), default=None)
    waiting = case.events.filter(kind=Kind.WAITING, data__what="authentication").last()
    return waiting.at if waiting else None


def _waits_for_bank(event: CaseEvent) -> bool:
    return event.kind == Kind.WAITING and event.data.get("what") == "authentication"
