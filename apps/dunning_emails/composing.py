"""What a mail of the outbox says: its values, its words, its look and where its button leads."""

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.conf import settings as django_settings
from django.urls import reverse

from apps.customers.models import Customer
from apps.dunning.customer_words import Why, told, what_to_do, why_of
from apps.dunning.facts import CaseFacts
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.texts import TEXTS, Words
from apps.dunning.money import Money
from apps.dunning.words import method_name
from apps.dunning_emails.facts import confirm_ends_at, ends_at, need_of
from apps.dunning_emails.models import EmailSettings, MailTemplate
from apps.dunning_emails.rendering import Look, Row
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.transactions.models import Transaction
from apps.web.formats import format_date, format_money, format_when


def words_of(*, merchant_id: int, kind: MailKind, draft: bool = False) -> Words:
    """Return the words of a kind: the merchant's where they changed ours."""
    row = MailTemplate.objects.filter(merchant_id=merchant_id, kind=kind).first()
    return TEXTS[kind].with_changes(row.text_of(draft=draft)) if row else TEXTS[kind]


def look_of(settings: EmailSettings) -> Look:
    """Return the branding of a merchant's mails."""
    return Look(
        store=settings.sender_name or settings.merchant.name,
        colour=settings.colour,
        logo_url=_picture(settings.logo_hash),
        icon_url=_picture(settings.icon_hash),
        postal_address=settings.postal_address,
    )


def _picture(digest: str) -> str:
    if not digest:
        return ""
    return f"{django_settings.PUBLIC_URL}{reverse('branding:picture', args=[digest])}"


def case_values(
    *,
    cases: Sequence[RecoveryCase],
    customer: Customer | None,
    facts: CaseFacts | None,
    settings: EmailSettings,
    now: dt.datetime,
) -> dict[str, str]:
    """Return the values of the variables for one payment, or several of one customer.

    The first case is the one that the mail is chiefly about; `facts` are those of `stored_facts`.
    """
    case = cases[0]
    merchant = case.merchant
    zone = ZoneInfo((customer.time_zone if customer else "") or merchant.time_zone)
    last = facts.last_failure if facts else None
    method = facts.method if facts else None
    kind = method.type if method else "card"
    why: Why = why_of(last.decline if last else None, method_type=kind)
    if facts is not None and method is None:
        why = "nothing"
    if need_of(case, facts) == "confirm":
        why = "confirm"

    def day(at: dt.datetime) -> str:
        return format_date(at, zone=zone, locale=merchant.locale, now=now)

    ends = (
        ends_at(case=case, facts=facts, now=now),
        confirm_ends_at(case=case, facts=facts, settings=settings),
    )
    end = min((one for one in ends if one is not None), default=None)
    amount = format_money(case.amount_due, locale=merchant.locale)
    offer = case.offer_name or "your purchase"
    if len(cases) > 1:
        amount, offer = _together(cases, merchant.locale), f"{len(cases)} payments"
    return {
        "first_name": first_name(customer),
        "store": settings.sender_name or merchant.name,
        "amount": amount,
        "offer": offer,
        "card": method_name(method.brand or method.type, method.last4) if method else "",
        "reason": told(why, method_type=kind) if len(cases) == 1 else "",
        "what_to_do": what_to_do(why),
        "invoice": _number(case),
        "next_try": _next_try(case, zone=zone, now=now),
        "access": _access(case),
        "date": day(case.failed_at),
        "due": "",
        "end": f"Otherwise we stop trying on {day(end)}." if end else "",
        "backup": _backup(case),
    }


def case_rows(cases: Sequence[RecoveryCase]) -> tuple[Row, ...]:
    """Return the payments of a mail about several, one each."""
    if len(cases) < 2:
        return ()
    return tuple(
        Row(
            case.offer_name or "Payment",
            format_money(case.amount_due, locale=case.merchant.locale),
        )
        for case in cases
    )


def first_name(customer: Customer | None) -> str:
    """Return how a customer is greeted; “there” for one without a name of their own."""
    words = customer.name.split() if customer else []
    return words[0] if words else "there"


def _number(case: RecoveryCase) -> str:
    row = Transaction.objects.for_merchant(case.merchant).filter(stripe_id=case.stripe_invoice_id)
    return row.values_list("number", flat=True).first() or case.stripe_invoice_id


def _together(cases: Sequence[RecoveryCase], locale: str) -> str:
    """Add up amounts, each currency apart."""
    sums: dict[str, int] = {}
    for case in cases:
        sums[case.currency] = sums.get(case.currency, 0) + case.amount_due_minor
    return " and ".join(
        format_money(Money(minor, currency), locale=locale) for currency, minor in sums.items()
    )


def _next_try(case: RecoveryCase, *, zone: ZoneInfo, now: dt.datetime) -> str:
    planned = case.attempts.filter(status=Attempt.Status.SCHEDULED, due_at__gt=now).first()
    by_stripe = case.next_step == RecoveryCase.Step.STRIPE
    at = planned.due_at if planned else case.next_try_at if by_stripe else None
    if at is None or at <= now:
        return ""
    moment = format_when(at, zone=zone, locale=case.merchant.locale, now=now, long=True)
    return f"Otherwise we try again by ourselves on {moment}."


def _backup(case: RecoveryCase) -> str:
    """Name the other card that paid, where it was not the one that is charged by itself."""
    paid = Try.objects.filter(
        merchant_id=case.merchant_id,
        stripe_invoice_id=case.stripe_invoice_id,
        status=Try.Status.SUCCEEDED,
        attempt__trigger=Attempt.Trigger.BACKUP,
    ).last()
    if paid is None:
        return ""
    card = method_name(paid.method_brand or paid.method_type, paid.method_last4)
    return f"We charged the other card you have on file with us, {card}."


def last_access(case: RecoveryCase) -> str:
    """Return what was done to access last: access_revoked, access_granted, or "" for nothing."""
    kinds = (CaseEvent.Kind.ACCESS_REVOKED, CaseEvent.Kind.ACCESS_GRANTED)
    events = case.events.filter(kind__in=kinds).order_by("-at", "-id")
    return events.values_list("kind", flat=True).first() or ""


def _access(case: RecoveryCase) -> str:
    offer, last = case.offer_name or "your purchase", last_access(case)
    if not last:
        return ""
    if last == CaseEvent.Kind.ACCESS_GRANTED:
        return f"You have access to {offer} again."
    return f"Your access to {offer} is paused until then; your progress is kept."
