"""When the reminders of a payment that waits for the customer's bank are used up."""

from __future__ import annotations

from datetime import datetime, timedelta

from apps.dunning.mails.facts import MailFacts
from apps.dunning.mails.rules import MailRules


def confirm_over_at(*, facts: MailFacts, rules: MailRules, days: int) -> datetime | None:
    """Return when so many days have passed since the last reminder without a word to the bank.

    None where the customer could not know: no mail about it went out since the bank asks, they are not
    reached, or want no reminders. While a bank works on the payment it is never over.
    """
    if facts.need != "confirm" or not facts.is_open or not facts.is_live or facts.is_processing:
        return None
    if facts.address != "ok":
        return None
    needed_at = facts.needed_at or facts.failed_at
    asked = [one.at for one in facts.sent if one.step.startswith("confirm") and one.at >= needed_at]
    if not asked:
        return None
    return max(reminders_end_at(needed_at, rules), *asked) + timedelta(days=days)


def reminders_end_at(needed_at: datetime, rules: MailRules) -> datetime:
    """Return when the last reminder is due, if all go out in their time."""
    return needed_at + timedelta(days=max(rules.confirm_days, default=0))
