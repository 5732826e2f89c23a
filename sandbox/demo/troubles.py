"""How a renewal of one of the many fails, and how it ends, in the mix that card issuers show."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sandbox import cards
from sandbox.cards import Behaviour
from sandbox.demo.people import Deed

SHORTLY_BEFORE = timedelta(hours=2)

MIX: tuple[tuple[str, float], ...] = (
    ("insufficient_funds", 36),
    ("generic_decline", 22),
    ("do_not_honor", 16),
    ("card_velocity_exceeded", 6),
    ("withdrawal_count_limit_exceeded", 3),
    ("expired_card", 6),
    ("processing_error", 3),
    ("issuer_not_available", 1),
    ("lost_card", 1.5),
    ("stolen_card", 1),
    ("pickup_card", 0.5),
    ("revocation_of_authorization", 1),
    ("authentication_required", 3),
)
"""Decline codes by weight, in percent."""

HARD = frozenset({"lost_card", "stolen_card", "pickup_card", "revocation_of_authorization"})
TEMPORARY = frozenset(
    {
        "card_velocity_exceeded",
        "withdrawal_count_limit_exceeded",
        "processing_error",
        "issuer_not_available",
    }
)


class Chance(Protocol):
    """What is thrown for; `sandbox.demo.crowd.Dice`."""

    def throw(self, *what: object) -> float: ...
    def one_of(self, what: object, weighted: Any) -> Any: ...
    def between(self, what: object, low: float, high: float) -> float: ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """What somebody and their bank do around one charge. `is_last`: it is never paid."""

    deeds: tuple[tuple[datetime, Deed], ...]
    is_last: bool = False


def of(dice: Chance, charged: datetime, *, bank: str = "") -> Trouble:
    """Let the charge at this moment fail, and choose what comes of it."""
    if bank:
        return _of_bank(dice, charged)
    reason: str = dice.one_of("reason", MIX)
    chance = dice.throw("end")
    if reason == "insufficient_funds":
        if chance < 0.6:
            return _trouble(charged, cards.declines_until_payday())
        return _passing(dice, charged, reason) if chance < 0.85 else _for_ever(charged, reason)
    if reason in TEMPORARY:
        return _passing(dice, charged, reason, most=2)
    if reason == "expired_card":
        if chance < 0.45:
            return _trouble(charged, cards.updated_by_network())
        renewed = Deed(timedelta(0), "update_card", "method", {"exp_year": charged.year + 4})
        return (
            _answered(dice, charged, reason, renewed)
            if chance < 0.8
            else _for_ever(charged, reason)
        )
    if reason == "authentication_required":
        confirmed = Deed(timedelta(0), "complete_authentication", "invoice_of")
        behaviour = cards.needs_authentication(always=False)
        if chance < 0.6:
            return _trouble(charged, behaviour, _later(dice, charged, confirmed))
        return _trouble(charged, behaviour, is_last=True)
    new_card = Deed(timedelta(0), "replace_card", "customer")
    if reason in HARD:
        return (
            _answered(dice, charged, reason, new_card)
            if chance < 0.45
            else _for_ever(charged, reason)
        )
    if chance < 0.5:
        return _passing(dice, charged, reason)
    return (
        _answered(dice, charged, reason, new_card) if chance < 0.72 else _for_ever(charged, reason)
    )


def still_open(charged: datetime) -> Trouble:
    """Let the charge be refused until somebody does something about it."""
    return _for_ever(charged, "insufficient_funds")


def _of_bank(dice: Chance, charged: datetime) -> Trouble:
    if dice.throw("end") < 0.8:
        return _trouble(charged, cards.settles_later(reason="insufficient_funds", times=1))
    return _trouble(charged, cards.settles_later(reason="account_closed"), is_last=True)


def _passing(dice: Chance, charged: datetime, reason: str, *, most: int = 4) -> Trouble:
    times = 1 + int(dice.throw("times") * most)
    return _trouble(charged, cards.declines(reason, times=times))


def _for_ever(charged: datetime, reason: str) -> Trouble:
    return _trouble(charged, cards.declines(reason), is_last=True)


def _answered(dice: Chance, charged: datetime, reason: str, deed: Deed) -> Trouble:
    return _trouble(charged, cards.declines(reason), _later(dice, charged, deed))


def _later(dice: Chance, charged: datetime, deed: Deed) -> tuple[datetime, Deed]:
    return charged + timedelta(days=dice.between("answer", 0.3, 9)), deed


def _trouble(
    charged: datetime,
    behaviour: Behaviour,
    *deeds: tuple[datetime, Deed],
    is_last: bool = False,
) -> Trouble:
    begins = Deed(timedelta(0), "set_behaviour", "method", {"behaviour": behaviour})
    return Trouble(((charged - SHORTLY_BEFORE, begins), *deeds), is_last)
