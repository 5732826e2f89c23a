"""Mails that answer one thing that happened: access taken, paid, canceled."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.dunning.mails.chase import Silence, Step, Write, next_mail
from apps.dunning.mails.facts import MailFacts
from apps.dunning.mails.hours import after_the_night
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.rules import MailRules

DAY = timedelta(days=1)


def access_mail(*, facts: MailFacts, rules: MailRules, now: datetime) -> Write | Silence:
    """Decide whether the loss of access needs a mail of its own.

    Not where the sequence writes within a day, or has just done so: its mails say it too.
    """
    stop = _unreachable(facts) or _off(MailKind.ACCESS_REVOKED, facts, rules)
    if stop is not None:
        return stop
    if not facts.is_open:
        return Silence("closed", "The case is closed.")
    if any(now - one.at < DAY for one in facts.sent):
        return Silence("said", "The email of today says it.")
    following = next_mail(facts=facts, rules=rules, now=now)
    if isinstance(following, Write) and following.at <= now + DAY:
        return Silence("said", "The next email says it.")
    return _write(MailKind.ACCESS_REVOKED, facts, rules, now)


def recovered_mail(
    *, facts: MailFacts, rules: MailRules, is_awake: bool, now: datetime
) -> Write | Silence:
    """Decide whether to thank: only who was written to. `is_awake`: they have just paid."""
    stop = _unreachable(facts) or _off(MailKind.RECOVERED, facts, rules)
    if stop is not None:
        return stop
    if not facts.sent:
        return Silence("silent", "Recovered silently: the customer was never written to.")
    if is_awake:
        return Write(Step(MailKind.RECOVERED, "recovered", now), now)
    return _write(MailKind.RECOVERED, facts, rules, now)


def canceled_mail(*, facts: MailFacts, rules: MailRules, now: datetime) -> Write | Silence:
    """Decide whether to tell that the subscription has ended for want of payment."""
    stop = _unreachable(facts) or _off(MailKind.CANCELED, facts, rules)
    return stop or _write(MailKind.CANCELED, facts, rules, now)


def _write(kind: MailKind, facts: MailFacts, rules: MailRules, now: datetime) -> Write:
    at = after_the_night(
        now, zone=facts.zone, quiet_from=rules.quiet_from, quiet_until=rules.quiet_until
    )
    why = "Quiet hours where the customer lives." if at > now else ""
    return Write(Step(kind, kind.value, now), at, why)


def _off(kind: MailKind, facts: MailFacts, rules: MailRules) -> Silence | None:
    if rules.is_on(kind, since=facts.failed_at):
        return None
    return Silence("off", "This email is off, or was when the payment failed.")


def _unreachable(facts: MailFacts) -> Silence | None:
    if not facts.is_live:
        return Silence("imported", "Brought in from Stripe: nobody is written to.")
    if facts.address == "missing":
        return Silence("no_address", "The customer has no email address.")
    if facts.address == "bounced":
        return Silence("bounced", "Mail to the customer came back. Check the address.")
    return None
