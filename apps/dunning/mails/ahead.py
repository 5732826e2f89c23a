"""Every mail that one failed payment leads to while it stays unpaid, each decided when its time has come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from apps.dunning.mails.chase import Write, next_mail
from apps.dunning.mails.facts import MailFacts, Sent
from apps.dunning.mails.rules import MailRules
from apps.dunning.mails.single import access_mail

FactsAt = Callable[[datetime, tuple[Sent, ...]], MailFacts]
"""What is known at a moment, given the mails that went out until then."""


def mails_ahead(
    *,
    facts_at: FactsAt,
    rules: MailRules,
    now: datetime,
    turns: Sequence[datetime],
    revoked: Sequence[datetime] = (),
) -> tuple[Write, ...]:
    """Follow a sequence from one moment to the next, as the outbox will do.

    `turns` are the moments at which a decision is made anew (a try failed, the customer is asked),
    `revoked` those at which access is taken; both in any order. Soonest first.
    """
    if not rules.on:
        return ()
    found: list[Write] = []
    moments = sorted({at for at in (*turns, *revoked) if at > now})
    for at in (now, *moments):
        until = next((later for later in moments if later > at), None)
        if at in revoked:
            told = access_mail(facts=facts_at(at, _sent(found)), rules=rules, now=at)
            found += [told] if isinstance(told, Write) else []
        found += _between(facts_at, rules, found, at, until)
    return tuple(sorted(found, key=lambda one: one.at))


def _between(
    facts_at: FactsAt,
    rules: MailRules,
    found: Sequence[Write],
    at: datetime,
    until: datetime | None,
) -> Iterator[Write]:
    """Give the mails of the sequence that go out before something else happens."""
    done = list(found)
    while True:
        step = next_mail(facts=facts_at(at, _sent(done)), rules=rules, now=at)
        if not isinstance(step, Write):
            return
        at = max(at, step.at)
        if until is not None and at > until:
            return
        written = Write(step.step, at, step.why)
        done.append(written)
        yield written


def _sent(found: Sequence[Write]) -> tuple[Sent, ...]:
    return tuple(Sent(one.step.name, one.at) for one in found)
