"""What makes recovery work well beside Recoup itself: each point with its state and its why.

Some points can be seen; the others are settings at Stripe that no program can read, and somebody
says that they looked. What vendors claim is named a claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from apps.dunning.provider_notes import Schedule
from apps.dunning.rules import Engine

Key = Literal[
    "stripe_retries",
    "stripe_mails",
    "account_updater",
    "network_tokens",
    "sender_domain",
    "backup_method",
    "backups",
    "time_zone",
]
State = Literal["ok", "todo", "wrong"]

TO_SAY: tuple[Key, ...] = (
    "stripe_mails",
    "account_updater",
    "network_tokens",
    "sender_domain",
    "backups",
    "time_zone",
)
"""Points somebody may say to have looked at; the others follow from settings."""


@dataclass(frozen=True, slots=True)
class SetupFacts:
    """What is known. `doubled_mails` names mails that Recoup and Stripe both send.

    `refreshed_cards` are cards that banks renewed by themselves of late: the updater works.
    `bounced` of `sent` mails of the last week came back. `said` are points somebody looked at.
    """

    engine: Engine
    stripe_schedule: Schedule
    mails_on: int
    doubled_mails: tuple[str, ...]
    refreshed_cards: int
    backup_after: int
    time_zone: str
    sender: str
    sent: int = 0
    bounced: int = 0
    said: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the list: how it stands, in words, and why it matters."""

    key: Key
    title: str
    state: State
    text: str
    why: str
    is_said: bool = False

    @property
    def can_be_said(self) -> bool:
        return self.key in TO_SAY and self.state == "todo"


def checklist(facts: SetupFacts) -> tuple[Point, ...]:
    """Go through every point, in the order of what it may cost."""
    return tuple(replace(one, is_said=one.key in facts.said) for one in _points(facts))


def _points(facts: SetupFacts) -> Iterator[Point]:
    yield _stripe_retries(facts)
    yield _stripe_mails(facts)
    yield Point(
        "account_updater",
        "Card account updater",
        "ok" if facts.refreshed_cards or "account_updater" in facts.said else "todo",
        f"It works: banks renewed {_cards(facts.refreshed_cards)} in the last 90 days."
        if facts.refreshed_cards
        else _said(facts, "account_updater"),
        "Banks tell Stripe the new number or date of a card, and the next charge goes through. "
        "A vendor claims 30 to 40 % fewer failures.",
    )
    yield Point(
        "network_tokens",
        "Network tokens",
        "ok" if "network_tokens" in facts.said else "todo",
        _said(facts, "network_tokens"),
        "The network keeps a token that outlives the card. A vendor claims half as many failures "
        "for expired cards.",
    )
    yield _sender(facts)
    yield Point(
        "backup_method",
        "Backup method",
        "ok" if facts.backup_after else "todo",
        f"Charged once after {facts.backup_after} retries failed."
        if facts.backup_after
        else "Off: only the failed method is tried.",
        "Some customers keep a second card on file; it may pay what the first one does not. Use it "
        "only if your terms say so.",
    )
    yield Point(
        "backups",
        "Backups of Recoup's database",
        "ok" if "backups" in facts.said else "todo",
        _said(facts, "backups"),
        "Cases, settings and what was promised to customers stand only here; what comes from "
        "Stripe can be read again.",
    )
    yield Point(
        "time_zone",
        "Time zone",
        "ok" if facts.time_zone != "UTC" or "time_zone" in facts.said else "todo",
        f"{facts.time_zone.replace('_', ' ')}.",
        "Days of figures, hours of retries and quiet hours of mails follow it wherever a customer's "
        "own zone is not known.",
    )


def _stripe_retries(facts: SetupFacts) -> Point:
    state: State = "ok"
    if facts.engine != "recoup":
        text = "Stripe retries, so they belong on."
        if facts.stripe_schedule == "off":
            state, text = (
                "wrong",
                "You noted that they are off, and Recoup leaves retrying to them.",
            )
    elif facts.stripe_schedule == "off":
        text = "Off, as you noted."
    elif facts.stripe_schedule == "unknown":
        state, text = "todo", "Not noted yet: look in Stripe, then copy what stands there."
    else:
        state = "todo"
        text = "On, as you noted. Recoup takes each failed invoice out of them before it retries."
    return Point(
        "stripe_retries",
        "Stripe's own retries",
        state,
        text,
        "One engine at a time: two would use up the tries that card networks allow twice as fast.",
    )


def _stripe_mails(facts: SetupFacts) -> Point:
    state: State = "ok" if "stripe_mails" in facts.said or not facts.mails_on else "todo"
    text = _said(facts, "stripe_mails")
    if facts.doubled_mails:
        state = "wrong"
        text = f"Customers get two: {', '.join(facts.doubled_mails)}."
    elif not facts.mails_on:
        text = "Recoup sends no mails, so Stripe's may stay on."
    return Point(
        "stripe_mails",
        "Stripe's mails to customers",
        state,
        text,
        "Two mails about one payment look like fraud, and the second link may lead elsewhere.",
    )


def _sender(facts: SetupFacts) -> Point:
    state: State = "ok" if "sender_domain" in facts.said else "todo"
    text = f"Mails come from {facts.sender}. " + _said(facts, "sender_domain")
    if facts.bounced >= 5 and facts.bounced * 20 >= facts.sent:
        state = "wrong"
        text = f"{facts.bounced} of {facts.sent} mails of the last week came back."
    return Point(
        "sender_domain",
        "Domain of the sender",
        state,
        text,
        "Without SPF, DKIM and DMARC mails about payments land in spam, and nobody pays by them.",
    )


def _said(facts: SetupFacts, key: Key) -> str:
    return "Somebody looked." if key in facts.said else "Nobody has looked yet."


def _cards(number: int) -> str:
    return "1 card" if number == 1 else f"{number:,} cards"
