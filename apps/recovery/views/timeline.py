"""A case's timeline: planned above, past below, newest first."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext

from apps.dunning.decision import PlannedTry
from apps.dunning.facts import Decline
from apps.dunning.presets import PRESETS
from apps.dunning.words import method_name, words
from apps.recovery.extras import PlannedStep
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.recovery.queries.checks import StripeEnd

Kind = CaseEvent.Kind
SOON = 3
"""Planned steps shown open; the later ones unfold."""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the timeline, as components/timeline_item.html takes it."""

    tone: str
    icon_name: str
    title: str
    at: dt.datetime
    text: str = ""
    code: str = ""
    actor: str = ""
    planned: bool = False
    url: str = ""
    link: str = ""


_LOOKS: Mapping[str, tuple[str, str]] = {
    Kind.OPENED: ("mute", "exclamation-circle"),
    Kind.TRY_FAILED: ("bad", "x-mark"),
    Kind.TRY_PROCESSING: ("info", "clock"),
    Kind.TAKEOVER: ("mute", "arrow-path"),
    Kind.TAKEOVER_REFUSED: ("wait", "exclamation-triangle"),
    Kind.STRIPE_SCHEDULED: ("mute", "calendar-days"),
    Kind.SKIPPED: ("mute", "no-symbol"),
    Kind.WAITING: ("wait", "user"),
    Kind.UNKNOWN: ("info", "magnifying-glass"),
    Kind.METHOD_CHANGED: ("info", "credit-card"),
    Kind.RECOVERED: ("ok", "check"),
    Kind.LOST: ("bad", "x-circle"),
    Kind.STOPPED: ("mute", "no-symbol"),
    Kind.REOPENED: ("info", "arrow-uturn-left"),
    Kind.FINAL_ACTION: ("mute", "no-symbol"),
    Kind.ACCESS_PLANNED: ("mute", "calendar-days"),
    Kind.ACCESS_HELD: ("info", "hand-raised"),
    Kind.ACCESS_LIMITED: ("wait", "lock-open"),
    Kind.ACCESS_REVOKED: ("mute", "lock-closed"),
    Kind.ACCESS_GRANTED: ("ok", "lock-open"),
    Kind.MANUAL_RETRY: ("info", "user"),
    Kind.RULES_CHANGED: ("info", "user"),
    Kind.NOTE: ("info", "pencil-square"),
    Kind.MAIL_SENT: ("info", "envelope"),
    Kind.MAIL_NOT_SENT: ("mute", "envelope"),
    Kind.MAIL_BOUNCED: ("bad", "exclamation-triangle"),
    Kind.LINK_USED: ("info", "cursor-arrow-rays"),
    Kind.LINK_ASKED: ("wait", "link"),
    Kind.LINK_REVOKED: ("mute", "link-slash"),
    Kind.FIXED_BY_CUSTOMER: ("ok", "hand-thumb-up"),
    Kind.HELD: ("wait", "pause-circle"),
    Kind.RELEASED: ("info", "play-circle"),
    Kind.DISPUTED: ("bad", "exclamation-circle"),
    Kind.REFUNDED: ("mute", "arrow-uturn-left"),
}


def planned_items(
    moments: Sequence[tuple[int, dt.datetime]],
    *,
    by_stripe: dt.datetime | None,
    steps: Sequence[PlannedStep] = (),
    ending: str = "",
    ends_at: dt.datetime | None = None,
    stripe_end: StripeEnd | None = None,
) -> tuple[Item, ...]:
    """Return what is still to come, latest first. `by_stripe` is when Stripe charges by itself.

    `steps` are those of the apps above; `ending` is what Recoup does at `ends_at` if all fail.
    `stripe_end` is the end where Stripe retries.
    """
    items = [_planned(gettext("Retry %(n)d planned") % {"n": number}, at) for number, at in moments]
    if by_stripe is not None:
        items.append(_planned(gettext("Stripe tries again"), by_stripe))
    items += [
        Item("mute", one.icon_name, one.title, one.at, one.text, "", "", True, one.url, one.link)
        for one in steps
    ]
    if ends_at is not None:
        title = gettext("If all retries fail") if moments else gettext("If it stays unpaid")
        items.append(Item("mute", "no-symbol", title, ends_at, ending, planned=True))
    elif stripe_end is not None:
        title = gettext("Stripe's last try, at the latest")
        items.append(Item("mute", "no-symbol", title, stripe_end.at, ending, planned=True))
    # The end stands after the retry it follows, though both have one moment.
    ordered = sorted(items, key=lambda item: (item.at, item.text == ending), reverse=True)
    return tuple(ordered)


def planned_moments(
    attempts: Sequence[Attempt], plan: Sequence[PlannedTry]
) -> list[tuple[int, dt.datetime]]:
    """Return ordinal and moment of every attempt still to come, soonest first.

    The scheduled attempt is the first of the plan; those behind it will get the next ordinals that
    are free.
    """
    scheduled = next((one for one in attempts if one.status == Attempt.Status.SCHEDULED), None)
    if scheduled is None:
        return []
    free = max(one.number for one in attempts) + 1
    later = [planned.due_at for planned in plan[1:] if planned.due_at > scheduled.due_at]
    return [(scheduled.number, scheduled.due_at), *enumerate(later, start=free)]


def past_items(events: Sequence[CaseEvent], *, tries: Sequence[Try]) -> tuple[Item, ...]:
    """Return what happened, newest first; `events` come newest first.

    Plans are not among them: those ahead stand above, and each try made says why it was made then.
    """
    cards = {one.stripe_charge_id: card_of(one) for one in tries}
    return tuple(_past(events, cards))


def card_of(one: Try) -> str:
    """Return the card of a try: "Visa •••• 3119"."""
    return method_name(one.method_brand or one.method_type, one.method_last4)


def _past(events: Sequence[CaseEvent], cards: Mapping[str, str]) -> Iterator[Item]:
    first_failure = min((e.at for e in events if e.kind == Kind.TRY_FAILED), default=None)
    for event in events:
        number = event.data.get("attempt")
        if event.kind == Kind.PLANNED:
            continue
        tone, icon = _LOOKS.get(event.kind, ("mute", "information-circle"))
        title, text, code = event.get_kind_display(), event.text, ""
        if event.kind == Kind.TRY_FAILED:
            title, text, code = _failed(event, cards, is_first=event.at == first_failure)
        elif event.kind == Kind.OPENED:
            title, text = gettext("Case opened"), _opened(event)
        elif event.kind == Kind.SKIPPED and number:
            title = gettext("Retry %(n)d not made") % {"n": number}
            text = text.removeprefix(f"Retry {number} was not made. ")
        elif event.kind == Kind.MANUAL_RETRY and number:
            title, text = gettext("Retry %(n)d asked for") % {"n": number}, ""
        elif event.kind in (Kind.RECOVERED, Kind.STOPPED, Kind.LOST):
            title, text = text.rstrip("."), ""
        elif event.kind == Kind.NOTE:
            title = gettext("Note")
        yield Item(
            tone,
            icon,
            title,
            event.at,
            "" if text.rstrip(".") == title else text,
            code,
            actor=_actor(event),
        )


def _failed(event: CaseEvent, cards: Mapping[str, str], *, is_first: bool) -> tuple[str, str, str]:
    number, code = event.data.get("attempt"), str(event.data.get("code", ""))
    if number:
        title = gettext("Retry %(n)d failed") % {"n": number}
    else:
        title = gettext("Payment failed") if is_first else gettext("Try by Stripe failed")
    card = cards.get(str(event.data.get("charge", "")), "")
    reason = words(Decline("", code))
    return title, f"{reason} · {card}" if card else reason, code


def _opened(event: CaseEvent) -> str:
    if event.data.get("engine") == RecoveryCase.Engine.STRIPE:
        return gettext("Stripe retries, Recoup watches")
    if event.data.get("engine") == RecoveryCase.Engine.GAPS:
        return gettext("Stripe retries, Recoup tries in the gaps between")
    preset = PRESETS.get(str(event.data.get("rules", "")))
    if preset is None:
        return gettext("Recoup retries, by your own rules")
    return gettext("Recoup retries, by the rules “%(name)s”") % {"name": preset.title}


def _actor(event: CaseEvent) -> str:
    if event.actor != "Recoup":
        return event.actor
    automatic = (
        Kind.ACCESS_PLANNED,
        Kind.ACCESS_LIMITED,
        Kind.ACCESS_REVOKED,
        Kind.ACCESS_GRANTED,
        Kind.FINAL_ACTION,
    )
    return gettext("automatic") if event.kind in automatic else ""


def _planned(title: str, at: dt.datetime) -> Item:
    return Item("mute", "clock", title, at, planned=True)
