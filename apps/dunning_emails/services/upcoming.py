"""Mails before a renewal: found by a look at what is due soon, checked again before they go."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from apps.customers.models import Customer
from apps.dunning.mails.hours import after_the_night
from apps.dunning.mails.kinds import KINDS, MailKind
from apps.dunning.words import method_name
from apps.dunning_emails.composing import first_name, look_of, words_of
from apps.dunning_emails.facts import address_state, settings_of
from apps.dunning_emails.models import EmailSettings, Mail, MailTemplate
from apps.dunning_emails.rendering import Rendered, render_mail
from apps.dunning_emails.services.stopping import stop_url
from apps.recovery.models import Try
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.web.formats import format_date, format_money

RENEWING = (Subscription.Status.ACTIVE, Subscription.Status.TRIALING)
SOONEST = dt.timedelta(hours=12)
"""A renewal nearer than this is over before anybody reads about it."""


def plan_renewals(*, now: dt.datetime) -> int:
    """Put the mails of renewals that come near into the outbox; repeats add nothing."""
    count = 0
    wanted = MailTemplate.objects.filter(kind=MailKind.RENEWAL, on_since__isnull=False)
    for template in wanted.select_related("merchant"):
        days = template.days if template.days is not None else KINDS[MailKind.RENEWAL].days
        until = now + dt.timedelta(days=days)
        near = renewing().filter(
            merchant=template.merchant,
            next_payment_at__gt=now + SOONEST,
            next_payment_at__lte=until,
        )
        settings = settings_of(template.merchant)
        rows = [_row(one, settings, now=now) for one in near]
        known = set(
            Mail.objects.for_merchant(template.merchant)
            .filter(about__in=[row.about for row in rows])
            .values_list("about", flat=True)
        )
        fresh = [row for row in rows if row.about not in known]
        Mail.objects.bulk_create(fresh, ignore_conflicts=True)
        count += len(fresh)
    return count


def renewing() -> QuerySet[Subscription]:
    """Select what is charged by itself: running, neither ending nor past due, no invoices sent."""
    last = Transaction.objects.filter(
        merchant=OuterRef("merchant"),
        stripe_subscription_id=OuterRef("stripe_subscription_id"),
    ).order_by("-at", "-id")
    return Subscription.objects.alias(
        pays_by_hand=Coalesce(Subquery(last.values("is_sent")[:1]), False)
    ).filter(
        pays_by_hand=False,
        status__in=RENEWING,
        ends_at=None,
        next_payment_at__isnull=False,
        amount_minor__gt=0,
    )


def compose(*, mail: Mail, now: dt.datetime) -> tuple[str, Rendered] | None:
    """Put the mail together with its address; None if it would not be true any more."""
    subscription = (
        renewing()
        .filter(
            merchant=mail.merchant,
            stripe_subscription_id=mail.data.get("subscription", ""),
            next_payment_at=dt.datetime.fromisoformat(mail.data["at"]),
        )
        .first()
    )
    customer = (
        Customer.objects.for_merchant(mail.merchant).filter(stripe_customer_id=mail.person).first()
    )
    is_on = MailTemplate.objects.filter(
        merchant=mail.merchant, kind=MailKind.RENEWAL, on_since__isnull=False
    )
    if subscription is None or customer is None or not is_on.exists():
        return None
    at = subscription.next_payment_at
    reachable = address_state(merchant=mail.merchant, customer=customer) == "ok"
    if at is None or at <= now or not reachable:
        return None
    settings = settings_of(mail.merchant)
    values = {
        "first_name": first_name(customer),
        "store": settings.sender_name or mail.merchant.name,
        "amount": format_money(subscription.amount, locale=mail.merchant.locale),
        "offer": subscription.offer_name or "your purchase",
        "card": _card(subscription) or "your payment method",
        "date": format_date(
            at,
            zone=ZoneInfo(customer.time_zone or mail.merchant.time_zone),
            locale=mail.merchant.locale,
            now=now,
        ),
    }
    words = words_of(merchant_id=mail.merchant_id, kind=MailKind.RENEWAL)
    return customer.email, render_mail(
        words=words, values=values, look=look_of(settings), stop_url=stop_url(mail)
    )


def _row(subscription: Subscription, settings: EmailSettings, *, now: dt.datetime) -> Mail:
    merchant, at = subscription.merchant, subscription.next_payment_at or now
    zone = (
        Customer.objects.for_merchant(merchant)
        .filter(stripe_customer_id=subscription.stripe_customer_id)
        .values_list("time_zone", flat=True)
        .first()
    )
    return Mail(
        merchant=merchant,
        about=f"renewal:{subscription.stripe_subscription_id}:{at:%Y-%m-%d}"[:255],
        step=MailKind.RENEWAL,
        kind=MailKind.RENEWAL,
        person=subscription.stripe_customer_id,
        due_at=after_the_night(
            now,
            zone=zone or merchant.time_zone,
            quiet_from=settings.quiet_from,
            quiet_until=settings.quiet_until,
        ),
        data={"subscription": subscription.stripe_subscription_id, "at": at.isoformat()},
    )


def _card(subscription: Subscription) -> str:
    """Name what paid the last time; "" where nothing has yet."""
    paid = Try.objects.filter(
        merchant=subscription.merchant,
        stripe_subscription_id=subscription.stripe_subscription_id,
        status=Try.Status.SUCCEEDED,
    ).last()
    return method_name(paid.method_brand or paid.method_type, paid.method_last4) if paid else ""
