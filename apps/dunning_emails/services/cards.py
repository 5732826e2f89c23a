"""Mails about cards that run out: found among the cards on file, checked again before they go."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.db.models import Q

from apps.accounts.models import Merchant
from apps.customers.models import Customer, PaymentMethod
from apps.customers.queries import method_of
from apps.dunning.facts import Method
from apps.dunning.mails.cards import CardFacts, card_mail, expires_at
from apps.dunning.mails.chase import Silence, Write
from apps.dunning.mails.kinds import KINDS, MailKind
from apps.dunning.order import in_stripes_order
from apps.dunning.words import method_name
from apps.dunning_emails.composing import first_name, look_of, words_of
from apps.dunning_emails.facts import address_state, rules_of, settings_of
from apps.dunning_emails.models import EmailSettings, Mail, MailTemplate
from apps.dunning_emails.rendering import Rendered, render_mail
from apps.dunning_emails.services.stopping import stop_url
from apps.dunning_emails.services.upcoming import renewing
from apps.subscriptions.models import Subscription
from apps.web.formats import format_date

AHEAD = dt.timedelta(days=2)
"""How long before its day a mail is put into the outbox."""


def plan_cards(*, now: dt.datetime) -> int:
    """Put the mails about cards that run out soon into the outbox; how many were new.

    Once for each card and month, however many subscriptions it pays. Four queries a merchant, and
    some for each card that is near its end.
    """
    wanted = MailTemplate.objects.filter(kind=MailKind.CARD_EXPIRING, on_since__isnull=False)
    count = 0
    for template in wanted.select_related("merchant"):
        days = template.days if template.days is not None else KINDS[MailKind.CARD_EXPIRING].days
        until = now + dt.timedelta(days=days) + AHEAD
        count += _plan_for(template.merchant, until=until, now=now)
    return count


def _plan_for(merchant: Merchant, *, until: dt.datetime, now: dt.datetime) -> int:
    days = (now + dt.timedelta(days=number) for number in range((until - now).days + 2))
    months = {(day.year, day.month) for day in days}
    ends = Q()
    for year, month in months:
        ends |= Q(exp_year=year, exp_month=month)
    methods = PaymentMethod.objects.for_merchant(merchant)
    near = list(methods.filter(ends, type="card").exclude(stripe_customer_id=""))
    owners = {row.stripe_customer_id for row in near}
    charged = _charged(merchant, owners)
    paying = [row for row in near if row.stripe_payment_method_id in charged]
    known = set(
        Mail.objects.for_merchant(merchant)
        .filter(about__in=[_about(row) for row in paying])
        .values_list("about", flat=True)
    )
    rules = rules_of(merchant)
    fresh = []
    for row in paying:
        if _about(row) in known:
            continue
        decision = card_mail(facts=_facts(row, merchant, pays=True), rules=rules, now=now)
        if isinstance(decision, Write) and decision.at <= now + AHEAD:
            fresh.append(_mail(row, decision))
    Mail.objects.bulk_create(fresh, ignore_conflicts=True)
    return len(fresh)


def compose(*, mail: Mail, now: dt.datetime) -> tuple[str, Rendered] | Write | Silence:
    """Put the mail together with its address; else what speaks against it by now."""
    merchant = mail.merchant
    row = (
        PaymentMethod.objects.for_merchant(merchant)
        .filter(
            stripe_payment_method_id=mail.data["card"],
            exp_year=mail.data["year"],
            exp_month=mail.data["month"],
            stripe_customer_id=mail.person,
        )
        .first()
    )
    if row is None:
        return Silence("changed", "The card was renewed or taken away.")
    paid = _charged(merchant, [mail.person]).get(row.stripe_payment_method_id, [])
    facts = _facts(row, merchant, pays=bool(paid))
    decision = card_mail(facts=facts, rules=rules_of(merchant), now=now)
    if isinstance(decision, Silence) or decision.at > now:
        return decision
    customer = Customer.objects.for_merchant(merchant).get(stripe_customer_id=mail.person)
    settings = settings_of(merchant)
    names = list(dict.fromkeys(one.offer_name for one in paid if one.offer_name))
    rendered = render_mail(
        words=words_of(merchant_id=mail.merchant_id, kind=MailKind.CARD_EXPIRING),
        values={
            "first_name": first_name(customer),
            "store": settings.sender_name or merchant.name,
            "offer": " and ".join(names) or "your purchase",
            "card": method_name(row.brand or row.type, row.last4),
            "date": _valid_until(facts.card, merchant, zone=facts.zone, now=now),
        },
        look=look_of(settings),
        url=update_page(settings),
        stop_url=stop_url(mail),
    )
    return customer.email, rendered


def update_page(settings: EmailSettings) -> str:
    """Return where customers change their card without a failed payment: the merchant's own page."""
    own = settings.link_target == EmailSettings.LinkTarget.OWN
    return settings.own_link if own else ""


def _charged(merchant: Merchant, owners: Iterable[str]) -> dict[str, list[Subscription]]:
    """Give the subscriptions that renew by the method that Stripe charges for them."""
    customers = {
        row.stripe_customer_id: row
        for row in Customer.objects.for_merchant(merchant).filter(stripe_customer_id__in=owners)
    }
    found: defaultdict[str, list[Subscription]] = defaultdict(list)
    for row in renewing().filter(merchant=merchant, stripe_customer_id__in=owners):
        customer = customers.get(row.stripe_customer_id)
        places = in_stripes_order(
            subscription_method=row.default_method_id,
            subscription_source=row.default_source_id,
            customer_method=customer.default_method_id if customer else "",
            customer_source=customer.default_source_id if customer else "",
        )
        for place in places:
            if place.is_charged:
                found[place.method_id].append(row)
    return found


def _facts(row: PaymentMethod, merchant: Merchant, *, pays: bool) -> CardFacts:
    customer = (
        Customer.objects.for_merchant(merchant)
        .filter(stripe_customer_id=row.stripe_customer_id)
        .first()
    )
    others = PaymentMethod.objects.for_merchant(merchant).filter(
        stripe_customer_id=row.stripe_customer_id
    )
    return CardFacts(
        card=method_of(row),
        others=[method_of(one) for one in others],
        pays=pays,
        zone=(customer.time_zone if customer else "") or merchant.time_zone,
        address=address_state(merchant=merchant, customer=customer),
    )


def _about(row: PaymentMethod) -> str:
    return f"card:{row.stripe_payment_method_id}:{row.exp_year}-{row.exp_month:02}"[:255]


def _mail(row: PaymentMethod, decision: Write) -> Mail:
    return Mail(
        merchant_id=row.merchant_id,
        about=_about(row),
        step=decision.step.name,
        kind=decision.step.kind.value,
        person=row.stripe_customer_id,
        due_at=decision.at,
        why=decision.why,
        data={
            "card": row.stripe_payment_method_id,
            "year": row.exp_year,
            "month": row.exp_month,
        },
    )


def _valid_until(card: Method, merchant: Merchant, *, zone: str, now: dt.datetime) -> str:
    over = expires_at(card, zone=zone) or now
    last = over - dt.timedelta(hours=1)
    return format_date(last, zone=ZoneInfo(zone), locale=merchant.locale, now=now)
