"""A card that pays a running subscription runs out: whether its owner is told, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from apps.dunning.facts import Method
from apps.dunning.mails.chase import Silence, Step, Write
from apps.dunning.mails.facts import Address
from apps.dunning.mails.hours import after_the_night
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning.timing import moment, zone_of

AT = time(10)
"""When it goes out on its day, by the customer's clock."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What is known of one card; `others` are the customer's other methods on file.

    `pays` tells whether a running subscription is charged to it by Stripe's order.
    """

    card: Method
    others: Sequence[Method]
    pays: bool
    zone: str
    address: Address = "ok"


def card_mail(*, facts: CardFacts, rules: MailRules, now: datetime) -> Write | Silence:
    """Decide whether to tell that a card runs out. Asked again right before sending."""
    card = facts.card
    over = expires_at(card, zone=facts.zone)
    if over is None:
        return Silence("no_date", "It has no expiry date.")
    if not facts.pays:
        return Silence("unused", "No running subscription is charged to it.")
    if MailKind.CARD_EXPIRING not in rules.on:
        return Silence("off", "This email is off.")
    if now >= over:
        return Silence("over", "The card has run out.")
    if any(_is_newer(one, than=card) for one in facts.others):
        return Silence("newer", "There is a newer payment method on file.")
    if facts.address == "no_reminders":
        return Silence("no_reminders", "The customer wants no reminders.")
    if facts.address == "missing":
        return Silence("no_address", "The customer has no email address.")
    if facts.address == "bounced":
        return Silence("bounced", "Mail to the customer came back. Check the address.")
    on = last_day(card) - timedelta(days=rules.days_of(MailKind.CARD_EXPIRING))
    at = moment(on, AT, zone_of(facts.zone))
    awake = after_the_night(
        max(at, now), zone=facts.zone, quiet_from=rules.quiet_from, quiet_until=rules.quiet_until
    )
    return Write(Step(MailKind.CARD_EXPIRING, MailKind.CARD_EXPIRING.value, at), max(awake, at))


def expires_at(card: Method, *, zone: str) -> datetime | None:
    """Return when a card's last month ends; None for what has no expiry date."""
    if card.exp_month is None or card.exp_year is None:
        return None
    return moment(last_day(card) + timedelta(days=1), time(), zone_of(zone))


def last_day(card: Method) -> date:
    """Return the last day on which a card is valid: its month counts whole."""
    year, month = card.exp_year or date.max.year, card.exp_month or 12
    return date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)


def _is_newer(one: Method, *, than: Method) -> bool:
    """Tell whether a method can pay once the card has run out: a bank account, or a later card."""
    if one.reference == than.reference:
        return False
    if one.exp_month is None or one.exp_year is None:
        return one.type != "card" and one.mandate != "inactive"
    return (one.exp_year, one.exp_month) > (than.exp_year or 0, than.exp_month or 0)
