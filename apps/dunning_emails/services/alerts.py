"""Mails to the people of a merchant: each failure, a day's summary, or when the tries are used up.

What a customer waits for, and nobody else can give, is told whatever was chosen.
"""

import datetime as dt

from django.conf import settings as django_settings
from django.db.models import Count, Sum
from django.urls import reverse

from apps.accounts.models import Membership, Merchant, Role
from apps.dunning.mails.texts import Words
from apps.dunning.money import Money
from apps.dunning_emails.composing import look_of
from apps.dunning_emails.facts import customer_of, settings_of
from apps.dunning_emails.models import EmailSettings, Mail
from apps.dunning_emails.rendering import Rendered, Row, render_mail
from apps.recovery.models import CaseEvent, RecoveryCase, RecoveryCaseQuerySet
from apps.web.formats import format_money

Alerts = EmailSettings.OwnerAlerts
ALERT_FAILED, ALERT_USED_UP, ALERT_DAILY = "alert_failed", "alert_used_up", "alert_daily"
ALERT_LINK_ASKED = "alert_link_asked"
ALERTS = (ALERT_FAILED, ALERT_USED_UP, ALERT_DAILY, ALERT_LINK_ASKED)
AT_HOUR = 8

LINK_ASKED = Words(
    "A customer asks for a new payment link",
    "There is no address to send it to",
    "Their old link no longer works, and there is no address to which mail arrives. Make a link on "
    "the page of the case and hand it to them, or change the address in Stripe.",
    "Open the case",
)


def react_to(*, event: CaseEvent, now: dt.datetime) -> None:
    """Put an alert about one case into the outbox, one row for each person it goes to."""
    if event.kind not in (CaseEvent.Kind.OPENED, CaseEvent.Kind.LOST):
        return
    case = event.case
    settings = settings_of(case.merchant)
    used_up = event.kind == CaseEvent.Kind.LOST and (
        case.end_reason == RecoveryCase.EndReason.TRIES_USED_UP
    )
    if event.kind == CaseEvent.Kind.OPENED and settings.owner_alerts == Alerts.EACH:
        tell_owners(case.merchant, about=f"case:{case.pk}", step=ALERT_FAILED, case=case, at=now)
    elif used_up and settings.owner_alerts in (Alerts.EACH, Alerts.USED_UP):
        tell_owners(case.merchant, about=f"case:{case.pk}", step=ALERT_USED_UP, case=case, at=now)


def plan_daily(*, now: dt.datetime) -> int:
    """Put yesterday's summary into the outbox of those who want it; repeats add nothing."""
    count = 0
    wanted = EmailSettings.objects.filter(owner_alerts=Alerts.DAILY).select_related("merchant")
    for settings in wanted:
        local = now.astimezone(settings.merchant.zone)
        if local.hour >= AT_HOUR and settings.alerts_since is not None:
            day = local.date() - dt.timedelta(days=1)
            about = f"day:{day.isoformat()}"
            if settings.alerts_since.astimezone(settings.merchant.zone).date() <= day:
                count += tell_owners(
                    settings.merchant, about=about, step=ALERT_DAILY, case=None, at=now
                )
    return count


def tell_owners(
    merchant: Merchant, *, about: str, step: str, case: RecoveryCase | None, at: dt.datetime
) -> int:
    """Put a mail to each owner and admin into the outbox; give back how many, 0 for a repeat."""
    people = Membership.objects.filter(
        merchant=merchant, role__in=(Role.OWNER, Role.ADMIN), user__is_active=True
    )
    rows = [
        Mail(
            merchant=merchant,
            about=about,
            step=step,
            kind=step,
            person=f"user:{user_id}",
            case=case,
            due_at=at,
        )
        for user_id in people.values_list("user_id", flat=True)
    ]
    known = Mail.objects.filter(merchant=merchant, about=about, step=step).exists()
    Mail.objects.bulk_create(rows, ignore_conflicts=True)
    return 0 if known else len(rows)


def compose(*, mail: Mail, now: dt.datetime) -> tuple[str, Rendered] | None:
    """Put an alert together with the address it goes to; None if nobody wants it any more."""
    settings = settings_of(mail.merchant)
    person = (
        Membership.objects.filter(
            merchant=mail.merchant,
            user_id=int(mail.person.removeprefix("user:")),
            role__in=(Role.OWNER, Role.ADMIN),
            user__is_active=True,
        )
        .select_related("user")
        .first()
    )
    is_off = settings.owner_alerts == Alerts.OFF and mail.kind != ALERT_LINK_ASKED
    if person is None or is_off:
        return None
    words, rows, path = _daily(mail) if mail.case is None else _about_case(mail, mail.case)
    rendered = render_mail(
        words=words,
        values={},
        look=look_of(settings),
        url=f"{django_settings.PUBLIC_URL}{path}",
        rows=rows,
    )
    return person.user.email, rendered


def _about_case(mail: Mail, case: RecoveryCase) -> tuple[Words, tuple[Row, ...], str]:
    customer = customer_of(case)
    who = (customer.display_name if customer else case.stripe_customer_id).replace("{", "(")
    amount = format_money(case.amount_due, locale=case.merchant.locale)
    why = case.last_decline_words or "No reason was given"
    path = reverse("recovery:case", args=[case.pk])
    rows = (Row(who, amount), Row("For", case.offer_name or "a purchase"))
    if mail.step == ALERT_LINK_ASKED:
        return LINK_ASKED, rows, path
    what = "could not be collected" if mail.step == ALERT_USED_UP else "failed"
    subject = f"A payment {what}: {amount}"
    body = "All tries are used up." if mail.step == ALERT_USED_UP else f"{why}."
    return Words(subject, why, body, "Open the case"), rows, path


def _daily(mail: Mail) -> tuple[Words, tuple[Row, ...], str]:
    merchant = mail.merchant
    day = dt.date.fromisoformat(mail.about.removeprefix("day:"))
    since = dt.datetime.combine(day, dt.time(), tzinfo=merchant.zone)
    until = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=merchant.zone)
    cases = RecoveryCase.objects.for_merchant(merchant).filter(source=RecoveryCase.Source.LIVE)
    parts = {
        "failed": (cases.filter(failed_at__gte=since, failed_at__lt=until), "amount_due_minor"),
        "recovered": (_closed(cases, "recovered", since, until), "recovered_minor"),
        "lost": (_closed(cases, "lost", since, until), "amount_due_minor"),
    }
    rows = []
    for word, (found, column) in parts.items():
        for one in found.order_by().values("currency").annotate(n=Count("pk"), sum=Sum(column)):
            amount = format_money(Money(one["sum"], one["currency"]), locale=merchant.locale)
            rows.append(Row(f"{one['n']} {word}", amount))
    body = "Here is what happened." if rows else "No payment failed, came back or was lost."
    words = Words(f"{merchant.name}: payments of {day:%b %d}", body, body, "Open Recovery")
    return words, tuple(rows), reverse("recovery:list")


def _closed(
    cases: RecoveryCaseQuerySet, status: str, since: dt.datetime, until: dt.datetime
) -> RecoveryCaseQuerySet:
    return cases.filter(status=status, closed_at__gte=since, closed_at__lt=until)
