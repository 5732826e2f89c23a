"""“A payment that fails today”: the dated steps that rules lead to."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from apps.dunning.decision import PlannedTry
from apps.dunning.facts import CaseFacts, Decline, Method, PaymentTry
from apps.dunning.forecast import Course, course
from apps.dunning.money import Money
from apps.dunning.rules import RetryRules

STRIPE_PAGE_DAYS = 30
"""How long Stripe's hosted payment page lives after the invoice.

Source: https://docs.stripe.com/invoicing/hosted-invoice-page
"""
MONTH_DAYS = 28


SUBSCRIPTION_ENDS = {
    "cancel": "Subscription is canceled",
    "leave_past_due": "Subscription stays past due",
    "pause": "Collection is paused",
}
INVOICE_ENDS = {
    "leave_open": "",
    "uncollectible": ", invoice marked uncollectible",
    "void": ", invoice voided",
}


@dataclass(frozen=True, slots=True)
class PreviewStep:
    """One dated step. `kind` is failure, retry, wait or end; `day` counts from the failure."""

    kind: str
    title: str
    at: dt.datetime
    day: int
    is_weekend: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """The steps of one sample failure, and what to think about before saving."""

    rules: RetryRules
    steps: tuple[PreviewStep, ...]
    warnings: tuple[str, ...]

    @property
    def end(self) -> PreviewStep | None:
        """The day on which it all ends, if we know it."""
        return next((step for step in self.steps if step.kind == "end"), None)


def preview_of(rules: RetryRules, *, code: str, zone: ZoneInfo, now: dt.datetime) -> Preview:
    """Return what happens to a card payment that fails now with a decline code.

    `zone` stands for the customer's. Stripe's own retries have no dates before Stripe names them.
    """
    facts = _facts(code, zone, now)
    ahead = course(facts=facts, rules=rules, now=now)
    return Preview(
        rules, tuple(_steps(facts, rules, ahead, zone)), tuple(_warnings(rules, ahead.tries, now))
    )


def _facts(code: str, zone: ZoneInfo, now: dt.datetime) -> CaseFacts:
    card = Method("pm_sample", brand="visa", last4="4242", fingerprint="sample")
    failure = PaymentTry(
        at=now,
        succeeded=False,
        decline=Decline("card_declined", code),
        method_reference=card.reference,
        fingerprint=card.fingerprint,
    )
    return CaseFacts(
        invoice_status="open",
        amount_remaining=Money(4900, "usd"),
        first_failed_at=now,
        tries=(failure,),
        retries_made=0,
        method=card,
        zone=str(zone),
        subscription_status="past_due",
        provider_has_retries=False,
        card_tries=(now,),
    )


def _steps(
    facts: CaseFacts, rules: RetryRules, ahead: Course, zone: ZoneInfo
) -> Iterator[PreviewStep]:
    start = facts.first_failed_at
    first_day = start.astimezone(zone).date()

    def step(kind: str, title: str, at: dt.datetime, detail: str = "") -> PreviewStep:
        local = at.astimezone(zone)
        day = (local.date() - first_day).days
        return PreviewStep(kind, title, local, day, local.weekday() >= 5, detail)

    yield step("failure", "Payment fails", start)
    if rules.engine != "recoup":
        return
    last = start
    for planned in ahead.tries:
        on_payday = any(reason.code == "payday" for reason in planned.reasons)
        title = f"Retry {planned.number}" if planned.number else "Backup card"
        yield step("retry", title, planned.due_at, "Near payday" if on_payday else "")
        last = planned.due_at
    if ahead.ends_at is None:
        return
    if ahead.ends_at > last:
        yield step("wait", "Only a new card helps now", last, "Charged at once when it comes")
    title = f"{SUBSCRIPTION_ENDS[rules.final_action]}{INVOICE_ENDS[rules.invoice_action]}"
    yield step("end", title, ahead.ends_at, "If nothing was paid")


def _warnings(rules: RetryRules, tries: tuple[PlannedTry, ...], now: dt.datetime) -> Iterator[str]:
    if rules.engine != "recoup" or not tries:
        return
    days = (tries[-1].due_at - now).days
    if days >= MONTH_DAYS:
        yield "This runs into the next monthly invoice: two payments may be open at once."
    if days > STRIPE_PAGE_DAYS:
        yield (
            f"Stripe's hosted payment page expires {STRIPE_PAGE_DAYS} days after the invoice:"
            " customers cannot pay there during the last retries."
        )
