"""All that one failed payment leads to while it stays unpaid: tries, mails and steps of access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from apps.dunning.access import AccessFacts, AccessRules, PlannedStep, counts_as_failure, plan_steps
from apps.dunning.codes import CodeRow, lookup
from apps.dunning.facts import CaseFacts, Decline
from apps.dunning.forecast import Course, course
from apps.dunning.mails.ahead import mails_ahead
from apps.dunning.mails.chase import Write
from apps.dunning.mails.facts import MailFacts, Need, Sent
from apps.dunning.mails.rules import MailRules
from apps.dunning.mails.single import canceled_mail
from apps.dunning.rules import RetryRules


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What a merchant chose about retries, mails and access; `access` None is nothing yet."""

    retry: RetryRules
    mails: MailRules = field(default_factory=MailRules)
    access: AccessRules | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """The course of the tries, and beside it every mail and every step of access, soonest first."""

    course: Course
    mails: tuple[Write, ...]
    access: tuple[PlannedStep, ...]


def outlook(
    *,
    facts: CaseFacts,
    book: Rulebook,
    now: datetime,
    offer: str = "",
    provider_tries: Sequence[datetime] = (),
    provider_cancels: bool = False,
) -> Outlook:
    """Follow a failed payment from `now` on, as if every try failed and nobody did anything.

    `provider_tries` are the times assumed of Stripe's tries; `provider_cancels` says that Stripe
    ends the subscription after them.
    """
    rules = book.retry.for_invoice(recurring=facts.recurring)
    ahead = course(facts=facts, rules=rules, now=now, provider_tries=provider_tries)
    cancels = facts.recurring and _cancels(ahead, provider_cancels=provider_cancels)
    access = _access(facts, ahead, book.access, offer, cancels=cancels)
    base = MailFacts(failed_at=facts.first_failed_at, need="retry", zone=facts.zone)
    mails = _Mails(facts, base, ahead, is_ours=rules.engine == "recoup")
    return Outlook(ahead, mails.write(book.mails, access, now=now, cancels=cancels), access)


def mails_to_come(
    *, facts: CaseFacts, base: MailFacts, retry: RetryRules, mails: MailRules, now: datetime
) -> tuple[Write, ...]:
    """Follow the sequence of an open case from `now` on; `base` is what its next mail is decided by.

    Soonest first, with the one that tells the end. One that answers a loss of access is not among
    them: its step may still be held.
    """
    ahead = course(facts=facts, rules=retry, now=now)
    found = _Mails(facts, base, ahead, is_ours=retry.engine == "recoup")
    cancels = facts.recurring and _cancels(ahead, provider_cancels=False)
    return found.write(mails, (), now=now, cancels=cancels)


def _cancels(ahead: Course, *, provider_cancels: bool) -> bool:
    if ahead.end is None or ahead.end.final_action == "none":
        return False
    return ahead.end.final_action == "cancel" or (provider_cancels and bool(ahead.provider_tries))


def _access(
    facts: CaseFacts, ahead: Course, rules: AccessRules | None, offer: str, *, cancels: bool
) -> tuple[PlannedStep, ...]:
    if rules is None or not facts.recurring:
        return ()
    decline = _decline(facts)
    counts = counts_as_failure(requires_action=False, decline=decline)
    used_up = ahead.end is not None and ahead.end.final_action != "none"
    steps = plan_steps(
        facts=AccessFacts(
            offer=offer,
            reason=_row(facts).group if decline else "none",
            failed_at=facts.first_failed_at if counts else None,
            used_up_at=ahead.ends_at if used_up else None,
        ),
        rules=rules,
    )
    ends_at = ahead.ends_at
    if not cancels or ends_at is None or rules.at_end != "revoke":
        return steps
    before = tuple(step for step in steps if step.due_at <= ends_at)
    if any(step.state == "revoked" for step in before):
        return before
    return (*before, PlannedStep("revoked", ends_at, "The subscription ended."))


@dataclass(frozen=True, slots=True)
class _Mails:
    """What the decisions about mails will know at each moment to come."""

    facts: CaseFacts
    base: MailFacts
    ahead: Course
    is_ours: bool

    def write(
        self, rules: MailRules, access: Sequence[PlannedStep], *, now: datetime, cancels: bool
    ) -> tuple[Write, ...]:
        ahead = self.ahead
        turns = (*self._tries(), *(wait.at for wait in ahead.waits))
        revoked = [step.due_at for step in access if step.state == "revoked"]
        ends_at = ahead.ends_at
        if ends_at is not None:
            turns = tuple(at for at in turns if at < ends_at)
            revoked = [at for at in revoked if at < ends_at]
        mails = mails_ahead(facts_at=self.at, rules=rules, now=now, turns=turns, revoked=revoked)
        if ends_at is None:
            return mails
        mails = tuple(one for one in mails if one.at <= ends_at)
        if cancels:
            told = canceled_mail(facts=self.at(ends_at, ()), rules=rules, now=ends_at)
            mails += (told,) if isinstance(told, Write) else ()
        return mails

    def at(self, moment: datetime, sent: tuple[Sent, ...]) -> MailFacts:
        need, needed_at = self._need(moment)
        return replace(
            self.base,
            need=need,
            needed_at=needed_at,
            next_try_at=min((at for at in self._tries() if at > moment), default=None),
            ends_at=self.ahead.ends_at if self.is_ours else None,
            sent=(*self.base.sent, *sent),
            to_person=(*self.base.to_person, *(one.at for one in sent)),
        )

    def _tries(self) -> tuple[datetime, ...]:
        named = self.facts.provider_next_try_at
        theirs = self.ahead.provider_tries or ((named,) if named and not self.is_ours else ())
        return (*(one.due_at for one in self.ahead.tries), *theirs)

    def _need(self, moment: datetime) -> tuple[Need, datetime | None]:
        """Say what would get it paid at a moment, and since when the bank is waited for."""
        waits = [wait for wait in self.ahead.waits if wait.at <= moment]
        if waits and waits[-1].what == "authentication":
            return "confirm", self.base.needed_at or waits[-1].at
        if waits:
            return "new_method", None
        row = _row(self.facts)
        if self.is_ours or _decline(self.facts) is None:
            return "retry", None
        if row.needs_authentication:
            return "confirm", self.base.needed_at
        return ("new_method" if row.hard else "retry"), None


def _decline(facts: CaseFacts) -> Decline | None:
    last = facts.last_failure
    return last.decline if last else None


def _row(facts: CaseFacts) -> CodeRow:
    last = facts.last_failure
    return lookup(_decline(facts) or Decline(""), last.method_type if last else "card")
