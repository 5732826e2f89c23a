"""The people of the demo: what they bought, when they are charged, and how their cards behave.

Times count from the moment the demo is made: minus is the past it starts with, plus is what the
time machine will meet. Before the first time named here everybody paid without trouble.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sandbox import cards
from sandbox.cards import Behaviour


@dataclass(frozen=True, slots=True)
class Offer:
    """Something Willow Studio sells; `amount` in the smallest unit of the currency.

    It is paid `every` so many intervals.
    """

    name: str
    amount: int
    currency: str = "usd"
    interval: str = "month"
    every: int = 1


MEMBERSHIP = Offer("Studio Membership", 4_900)
YEARLY = Offer("Studio Membership, yearly", 49_000, interval="year")
CIRCLE = Offer("Coaching Circle", 14_900)
ATELIER = Offer("Atelier Pro", 29_900)
DRAWING = Offer("Figure Drawing, four evenings", 6_000, interval="week", every=4)
WATERCOLOR = Offer("Watercolor Foundations", 12_900)
BOTANICAL = Offer("Botanical Illustration Masterclass", 24_900)
EURO = Offer("Studio Membership (EU)", 4_500, "eur")
SKETCHBOOK = Offer("Sketchbook Club", 1_200, "gbp")
YEN = Offer("水彩クラブ Watercolor Club", 4_900, "jpy")
DINAR = Offer("ورشة الخط العربي Calligraphy Workshop", 12_500, "kwd")


@dataclass(frozen=True, slots=True)
class Deed:
    """Something a person does later.

    `action` is one of `sandbox.server.actions`; `about` says which of the person's objects it is
    given: "customer", "method", "subscription" or "invoice_of" (the subscription's latest one).
    """

    at: timedelta
    action: str
    about: str
    more: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with one subscription, and the next time they are charged.

    `paid` counts the periods paid before, at least; `instalments` makes it a payment plan. `card` adds to
    the card's details; `bank` is a bank debit instead of a card. A `country` without a `state` is
    enough for most time zones.
    """

    name: str
    email: str
    offer: Offer
    charged: timedelta
    behaviour: Behaviour = field(default_factory=cards.pays)
    country: str = "US"
    state: str = ""
    paid: int = 2
    instalments: int = 0
    bank: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)
    deeds: tuple[Deed, ...] = ()


def _in(days: float = 0, *, hours: float = 0) -> timedelta:
    return timedelta(days=days, hours=hours)


_broke, _fails = "insufficient_funds", cards.declines
_DEBIT = {"funding": "debit"}
_MASTERCARD = {"brand": "mastercard"}
_AMEX = {"brand": "amex"}

PAST = (
    Person(
        "Noah Williams", "noah.williams@example.com", MEMBERSHIP, _in(-27.3),
        _fails("generic_decline", times=2), state="WA", paid=4,
    ),
    Person(
        "Grace Thompson", "grace@example.com", CIRCLE, _in(-28.6),
        _fails(_broke), state="GA", card=_DEBIT,
    ),
    Person(
        "Sofia Rossi", "sofia.rossi@example.com", EURO, _in(-25.2),
        cards.declines_until_payday(), country="IT", card={**_DEBIT, "country": "IT"}, paid=3,
    ),
    Person(
        "Hannah Schmidt", "hannah@example.com", EURO, _in(-22.1),
        _fails("expired_card"), country="DE", card={**_MASTERCARD, "country": "DE"},
        deeds=(Deed(_in(-19.4), "update_card", "method", {"exp_year": 2031}),),
    ),
    Person(
        "Viktor Novák", "viktor.novak@example.com", EURO, _in(-17.8),
        _fails("revocation_of_authorization"), country="CZ", card={"country": "CZ"},
    ),
    Person(
        "Liam O'Connor", "liam@example.com", SKETCHBOOK, _in(-12.5),
        _fails("lost_card"), country="IE", card={"country": "IE"}, paid=5,
    ),
    Person(
        "Tomás Herrera", "tomas@example.com", WATERCOLOR, _in(-11.3),
        _fails("do_not_honor", times=1), state="TX", instalments=6, paid=2,
    ),
    Person(
        "Anaïs Dubois", "anais@example.com", EURO, _in(-10.2),
        cards.needs_authentication(), country="FR", card={"country": "FR"},
        deeds=(Deed(_in(-9.7), "complete_authentication", "invoice_of"),),
    ),
    Person(
        "Isabella Martínez", "isabella@example.com", ATELIER, _in(-9.4),
        _fails("stolen_card"), country="MX",
        deeds=(Deed(_in(-8.2), "replace_card", "customer"),),
    ),
    Person(
        "Annelie Bergström", "annelie@example.com", EURO, _in(-8.6),
        cards.settles_later(after=_in(4), reason=_broke, times=1), country="SE",
        bank="sepa_debit",
    ),
    Person(
        "Chloé Lefèvre", "chloe@example.com", EURO, _in(-7.3),
        cards.needs_authentication(), country="FR", card={"country": "FR"}, paid=3,
    ),
    Person(
        "Kwame Mensah", "kwame@example.com", CIRCLE, _in(-6.7),
        _fails("card_velocity_exceeded", times=2), country="GH", card=_MASTERCARD,
    ),
    Person(
        "Oliver Brown", "oliver.brown@example.com", MEMBERSHIP, _in(-6.1),
        _fails("generic_decline"), state="OH",
        deeds=(Deed(_in(-4.2), "cancel_subscription", "subscription"),),
    ),
    Person(
        "佐藤 花子", "hanako.sato@example.com", YEN, _in(-5.4),
        _fails(_broke, times=3), country="JP", card={"country": "JP", "brand": "jcb"},
    ),
    Person(
        "Omar Haddad", "omar@example.com", MEMBERSHIP, _in(-5.1),
        _fails("issuer_policy_4711"), state="MI",
    ),
    Person(
        "Priya Nair", "priya@example.com", CIRCLE, _in(-4.3),
        cards.updated_by_network(), state="CA", card={**_AMEX, "exp_month": 1},
    ),
    Person(
        "Arjun Patel", "arjun@example.com", MEMBERSHIP, _in(-3.4),
        _fails(_broke), country="IN", card={"country": "IN"},
    ),
    Person(
        "Jürgen Müller", "juergen@example.com", EURO, _in(-2.9),
        cards.settles_later(after=_in(4)), country="DE", bank="sepa_debit", paid=6,
    ),
    Person(
        "مريم الصباح", "mariam@example.com", DINAR, _in(-2.2),
        _fails("do_not_honor", times=2), country="KW", card={"country": "KW"},
    ),
    Person(
        "Zoë 🌿 Park", "zoe@example.com", MEMBERSHIP, _in(-1.4),
        _fails("issuer_not_available", times=2), state="OR",
    ),
    Person(
        "Emma Johansson", "emma@example.com", BOTANICAL, _in(-1.1),
        _fails(_broke, times=3), state="MN", instalments=3, paid=1, card=_DEBIT,
    ),
    Person("William Chen", "william.chen@example.com", ATELIER, _in(-18.6), state="NY", paid=5),
    Person("Mia Kowalska", "mia@example.com", MEMBERSHIP, _in(-3.7), state="IL", paid=3),
)  # fmt: skip

FUTURE = (
    Person(
        "Ava Robinson", "ava@example.com", CIRCLE, _in(hours=0.8),
        _fails(_broke, times=1), state="FL", card=_DEBIT,
    ),
    Person(
        "Benjamin Lee", "ben.lee@example.com", MEMBERSHIP, _in(hours=4.5),
        _fails("generic_decline", times=2), state="CO",
    ),
    Person(
        "Nia Abebe", "nia@example.com", WATERCOLOR, _in(hours=19),
        _fails("expired_card"), country="ET", instalments=6, paid=3,
        deeds=(Deed(_in(1.6), "replace_card", "customer"),),
    ),
    Person(
        "田中 ゆき", "yuki.tanaka@example.com", YEN, _in(1.4),
        _fails("processing_error", times=1), country="JP", card={"country": "JP"},
    ),
    Person(
        "Maximiliana Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh",
        "maximiliana.wolfeschlegelsteinhausenbergerdorff@example.com", YEARLY, _in(2.3),
        _fails(_broke, times=1), state="PA", paid=1,
    ),
    Person(
        "Giulia Conti", "giulia@example.com", EURO, _in(2.8),
        cards.declines_until_payday(), country="IT", card={**_DEBIT, "country": "IT"},
    ),
    Person(
        "Samuel Adeyemi", "samuel@example.com", ATELIER, _in(3.3),
        _fails("card_velocity_exceeded", times=1), country="NG",
    ),
    Person(
        "Freya Nielsen", "freya@example.com", EURO, _in(4.2),
        cards.needs_authentication(as_decline=True), country="DK", card={"country": "DK"},
    ),
    Person(
        "Daniel Kim", "daniel.kim@example.com", MEMBERSHIP, _in(5.5),
        _fails("do_not_honor", times=1), state="CA",
    ),
    Person("Leila Rahimi", "leila@example.com", CIRCLE, _in(6.4), _fails("lost_card"), state="VA"),
    Person("Ada Byrne", "ada@example.com", MEMBERSHIP, _in(1.2), state="MA", paid=4),
    Person("Lucas Meyer", "lucas@example.com", BOTANICAL, _in(2.6), instalments=3, paid=2),
)  # fmt: skip

# Charged an hour before the demo is ready, so that the first retry is due before one's eyes.
RETRIED_AT_ONCE = Person(
    "Amara Okafor", "amara@example.com", DRAWING, _in(hours=-1),
    _fails("processing_error", times=1), state="NJ",
)  # fmt: skip

# Fails before one's eyes; a little later the customer puts another card on file.
FAILS_AT_ONCE = Person(
    "Mateo Fernández-Ibáñez", "mateo@example.com", DRAWING, _in(hours=0.5),
    _fails(_broke), state="AZ",
)  # fmt: skip

# A first purchase that never goes through, and a bill without a subscription.
FIRST_PURCHASE = Person(
    "Lucía Silva", "lucia@example.com", MEMBERSHIP, _in(hours=-5), _fails("generic_decline"),
    country="BR", card={"country": "BR"},
)  # fmt: skip
COMMISSION = Person(
    "Charlotte Dupont-Aigner", "charlotte@example.com",
    Offer("Commissioned portrait, deposit", 60_000), _in(-2.4),
    _fails("generic_decline", times=1), country="CH", card=_MASTERCARD,
)  # fmt: skip
