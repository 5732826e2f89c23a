"""The many customers beside the cast: who they are and what happens to them, by chance.

All chance comes from one seed, so that the same people come again. They joined over about 14
months; Stripe retried what failed. Recoup lives its first weeks with the cast alone and gets to
know these people by its import.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TypeVar

from sandbox import ids
from sandbox.billing.subscriptions import next_end
from sandbox.demo import people, troubles
from sandbox.demo.names import NAMES, STATES
from sandbox.demo.people import Deed, Offer

SIZE = 262
"""With the cast there are some 300 customers."""
SEED = 20_261_122

OLDEST = timedelta(days=425)
NEWEST = timedelta(days=4)
OPENING = timedelta(days=45)
FIRST_WAVE = 0.35
"""Share of customers who came in the studio's first weeks."""
KNOWN_AHEAD = timedelta(days=75)
"""How far into the future troubles are planned."""
BEFORE_CHARGE = timedelta(hours=1)
"""How long a renewal's invoice stays a draft."""

FAILING = 0.075
"""Share of renewals whose first charge fails."""
LEAVING = 0.022
"""Share of customers who cancel, per month."""
REFUNDED = 0.012
DISPUTED = 0.0015

WATCHED = 4
"""Payments that failed in the last days and that Stripe still retries when Recoup comes."""

T = TypeVar("T")

OFFERS: tuple[tuple[Offer, int], ...] = (
    (people.MEMBERSHIP, 30),
    (people.CIRCLE, 14),
    (people.ATELIER, 6),
    (people.YEARLY, 6),
    (people.DRAWING, 5),
    (people.EURO, 18),
    (people.SKETCHBOOK, 10),
    (people.YEN, 8),
    (people.WATERCOLOR, 5),
    (people.BOTANICAL, 4),
)
PLANS = {people.WATERCOLOR: 6, people.BOTANICAL: 3}
"""Offers that are paid in so many instalments."""

COUNTRIES: dict[str, tuple[tuple[str, int], ...]] = {
    "usd": (("US", 82), ("CA", 8), ("AU", 6), ("MX", 4)),
    "eur": (("DE", 34), ("FR", 26), ("IT", 16), ("ES", 14), ("NL", 10)),
    "gbp": (("GB", 86), ("IE", 14)),
    "jpy": (("JP", 100),),
}
BRANDS = (("visa", 58), ("mastercard", 32), ("amex", 10))
BANKS = {"eur": ("sepa_debit", 0.2), "usd": ("us_bank_account", 0.05)}

BILLING_HOURS = (0, 6, 13, 18)
"""UTC. Sign-ups come in waves, so that renewals do as well."""


class Dice:
    """Chance that depends on the names thrown for alone."""

    def __init__(self, *parts: object) -> None:
        self._parts = parts

    def throw(self, *what: object) -> float:
        return ids.fraction(*self._parts, *what)

    def one_of(self, what: object, weighted: Sequence[tuple[T, float]]) -> T:
        """Choose by weight."""
        rest = self.throw(what) * sum(weight for _, weight in weighted)
        for choice, weight in weighted:
            rest -= weight
            if rest < 0:
                return choice
        return weighted[-1][0]

    def between(self, what: object, low: float, high: float) -> float:
        return low + self.throw(what) * (high - low)


@dataclass(frozen=True, slots=True)
class Refund:
    """The charge of the latest invoice goes back: by the merchant, or `disputed` by the bank."""

    at: datetime
    disputed: bool = False


@dataclass(frozen=True)
class Member:
    """One of the many, `number` of the seed. All follows from that and the moment of the demo."""

    number: int
    demo: datetime
    dice: Dice = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dice", Dice(SEED, self.number))

    @cached_property
    def offer(self) -> Offer:
        return self.dice.one_of("offer", OFFERS)

    @property
    def instalments(self) -> int:
        return PLANS.get(self.offer, 0)

    @cached_property
    def country(self) -> str:
        return self.dice.one_of("country", COUNTRIES[self.offer.currency])

    @property
    def state(self) -> str:
        return self.dice.one_of("state", STATES) if self.country == "US" else ""

    @cached_property
    def name_and_email(self) -> tuple[str, str]:
        given, family = NAMES[self.country]
        # Beside each other rather than by chance: nobody is called like another.
        turn, place = divmod(self.number, len(given))
        first = given[place]
        last = family[(place * 7 + turn) % len(family)]
        name = f"{last[0]} {first[0]}" if self.country == "JP" else f"{first[0]} {last[0]}"
        return name, f"{first[1]}.{last[1]}{self.number}@example.com"

    @cached_property
    def bank(self) -> str:
        kind, share = BANKS.get(self.offer.currency, ("", 0.0))
        return kind if self.dice.throw("bank") < share else ""

    @property
    def card(self) -> dict[str, str]:
        brand = "jcb" if self.country == "JP" and self.dice.throw("jcb") < 0.4 else None
        return {
            "brand": brand or self.dice.one_of("brand", BRANDS),
            "country": self.country,
            "funding": "debit" if self.dice.throw("debit") < 0.55 else "credit",
        }

    @cached_property
    def joins(self) -> datetime:
        """Many came when the studio opened, the others little by little."""
        since = OPENING if self.dice.throw("opening") < FIRST_WAVE else OLDEST - NEWEST
        ago = OLDEST - since * self.dice.throw("joins")
        day = (self.demo - ago).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        minute = int(self.dice.between("minute", 0, 8 * 60))
        hour = self.dice.one_of("hour", [(hour, 1) for hour in BILLING_HOURS])
        return day + timedelta(hours=hour, seconds=minute)

    @cached_property
    def leaves(self) -> datetime | None:
        """When the customer cancels, if they do before the end of what is known."""
        if self.instalments:
            return None
        months, at = 0, self.joins
        while at < self.demo + KNOWN_AHEAD:
            at += timedelta(days=30)
            months += 1
            if self.dice.throw("leaves", months) < LEAVING:
                return at + timedelta(hours=self.dice.between("hour of leaving", 1, 23))
        return None

    @cached_property
    def charges(self) -> list[datetime]:
        """When renewals are charged, the first time each."""
        anchor = end = int(self.joins.timestamp())
        last = self.leaves or self.demo + KNOWN_AHEAD
        found: list[datetime] = []
        while True:
            end = next_end(anchor, end, self.offer.interval, self.offer.every)
            charged = datetime.fromtimestamp(end, UTC) + BEFORE_CHARGE
            if charged > last or (self.instalments and len(found) + 1 >= self.instalments):
                return found
            found.append(charged)

    def happenings(
        self, *, free_from: datetime
    ) -> tuple[list[tuple[datetime, Deed]], list[Refund]]:
        """Say what happens around the charges.

        Between `free_from` and the demo nothing fails: those weeks are the cast's. But the first
        members billed in the last days are in trouble already, see `WATCHED`.
        """
        deeds: list[tuple[datetime, Deed]] = []
        refunds: list[Refund] = []
        for number, charged in enumerate(self.charges):
            if free_from <= charged < self.demo:
                continue
            chance = self.dice.throw("fate", number)
            if chance < FAILING:
                trouble = troubles.of(Dice(SEED, self.number, number), charged, bank=self.bank)
                deeds += trouble.deeds
                if trouble.is_last:
                    break
            elif chance < FAILING + REFUNDED:
                refunds.append(Refund(charged + timedelta(days=self.dice.between(number, 1, 6))))
            elif chance < FAILING + REFUNDED + DISPUTED:
                refunds.append(Refund(charged + timedelta(days=12), disputed=True))
        if self.leaves:
            deeds.append((self.leaves, Deed(timedelta(0), "cancel_subscription", "subscription")))
        return deeds, refunds


def crowd(demo: datetime, *, size: int = SIZE) -> list[Member]:
    """Give everybody, in the order of their coming."""
    return sorted((Member(number, demo) for number in range(size)), key=lambda one: one.joins)


def watched(members: Sequence[Member], *, count: int = WATCHED) -> list[tuple[Member, datetime]]:
    """Choose whose payments failed some days before the demo, and when those were charged."""
    found = [
        (one, charged)
        for one in members
        if not one.bank
        for charged in one.charges
        if timedelta(days=1) < one.demo - charged < timedelta(days=9)
    ]
    return sorted(found, key=lambda pair: pair[0].dice.throw("watched"))[:count]
