"""“A payment that fails today”: every dated step that rules, mails and access lead to."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from apps.dunning.decision import CustomerNeed, PlannedTry
from apps.dunning.forecast import Course
from apps.dunning.mails.kinds import KINDS
from apps.dunning.outlook import Outlook, Rulebook, outlook
from apps.dunning.provider_notes import ProviderNotes, assumed_times, provider_end
from apps.dunning.rules import RetryRules
from apps.retry_settings.forms.sample import Sample, sample_facts

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
    "leave_open": "invoice stays open",
    "uncollectible": "invoice marked uncollectible",
    "void": "invoice voided",
}
ACCESS_STEPS = {
    "banner": "Access goes on, with a notice",
    "limited": "Access is limited",
    "revoked": "Access is revoked",
}
NEEDS: dict[CustomerNeed, str] = {
    "new_card": "Only a new payment method helps now",
    "authentication": "Only the customer's confirmation helps now",
    "no_method": "Only a payment method helps now",
}
ICONS = {
    "failure": "x-mark",
    "retry": "clock",
    "stripe": "clock",
    "wait": "credit-card",
    "end": "no-symbol",
    "mail": "envelope",
    "access": "lock-closed",
}
"""The kinds of steps; of several at one moment the one listed first comes first."""
ORDER = tuple(ICONS)


@dataclass(frozen=True, slots=True)
class PreviewStep:
    """One dated step; `kind` is one of ORDER, `day` counts from the failure.

    `is_assumed` marks what only Stripe knows: a day that is near, and no hour.
    """

    kind: str
    title: str
    at: dt.datetime
    day: int
    is_weekend: bool
    detail: str = ""
    is_assumed: bool = False

    @property
    def icon_name(self) -> str:
        return ICONS[self.kind]


@dataclass(frozen=True, slots=True)
class Preview:
    """The steps of one sample failure, what was assumed, and what to think about before saving."""

    ends_canceled: bool
    steps: tuple[PreviewStep, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def end(self) -> PreviewStep | None:
        """The day on which it all ends, if we know it."""
        return next((step for step in self.steps if step.kind == "end"), None)


def preview_of(
    book: Rulebook, *, sample: Sample, stripe: ProviderNotes, zone: ZoneInfo, now: dt.datetime
) -> Preview:
    """Return what happens to a payment that fails now.

    `zone` stands for the customer's. `stripe` is what was noted of Stripe's own settings: it names
    no date beyond its next try, so where it retries its tries are spread over its window.
    """
    rules = book.retry.for_invoice(recurring=sample.recurring)
    is_ours = rules.engine == "recoup"
    by_stripe: tuple[dt.datetime, ...] = ()
    if not is_ours and not sample.is_debit:
        by_stripe = assumed_times(stripe, first_failed_at=now)
    facts = sample_facts(sample, zone, now, provider_has_retries=not is_ours and sample.is_debit)
    found = outlook(
        facts=facts,
        book=book,
        now=now,
        offer=_offer(book),
        provider_tries=by_stripe,
        provider_cancels=stripe.subscription_end == "cancel",
    )
    maker = _Maker(now, zone)
    steps = [
        maker.step("failure", "Payment fails", now),
        *_tries(maker, found.course),
        *_mails_and_access(maker, found),
        *_end(maker, found.course, rules, sample, stripe),
    ]
    return Preview(
        sample.recurring and rules.final_action == "cancel",
        tuple(sorted(steps, key=lambda step: (step.at, ORDER.index(step.kind)))),
        tuple(_notes(book, rules, sample, stripe, found)),
        tuple(_warnings(found.course.tries, now)),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    start: dt.datetime
    zone: ZoneInfo

    def step(
        self, kind: str, title: str, at: dt.datetime, detail: str = "", *, assumed: bool = False
    ) -> PreviewStep:
        local = at.astimezone(self.zone)
        day = (local.date() - self.start.astimezone(self.zone).date()).days
        return PreviewStep(kind, title, local, day, local.weekday() >= 5, detail, assumed)


def _offer(book: Rulebook) -> str:
    """Choose an offer whose access the merchant's rules take, if they name some."""
    return book.access.offers[0] if book.access and book.access.offers else ""


def _tries(maker: _Maker, ahead: Course) -> Iterator[PreviewStep]:
    for planned in ahead.tries:
        on_payday = any(reason.code == "payday" for reason in planned.reasons)
        title = f"Retry {planned.number}" if planned.number else "Backup card"
        detail = "Near payday" if on_payday else ""
        if planned.method:
            detail = "If the customer has one that may be charged"
        yield maker.step("retry", title, planned.due_at, detail)
    for at in ahead.provider_tries:
        yield maker.step("stripe", "Try by Stripe", at, assumed=True)


def _mails_and_access(maker: _Maker, found: Outlook) -> Iterator[PreviewStep]:
    for mail in found.mails:
        yield maker.step("mail", f"Email: {KINDS[mail.step.kind].title}", mail.at, mail.why)
    for one in found.access:
        yield maker.step("access", ACCESS_STEPS[one.state], one.due_at, one.why)


def _end(
    maker: _Maker, ahead: Course, rules: RetryRules, sample: Sample, stripe: ProviderNotes
) -> Iterator[PreviewStep]:
    for wait in ahead.waits:
        if wait.until > wait.at:
            why = wait.reasons[0].text if wait.reasons else ""
            detail = f"{why} A new one is charged at once.".lstrip()
            yield maker.step("wait", NEEDS[wait.what], wait.at, detail)
    if ahead.ends_at is None or ahead.end is None:
        return
    if rules.engine == "recoup":
        title = INVOICE_ENDS[rules.invoice_action]
        if sample.recurring:
            invoice = "" if rules.invoice_action == "leave_open" else f", {title}"
            title = f"{SUBSCRIPTION_ENDS[rules.final_action]}{invoice}"
        yield maker.step("end", title[0].upper() + title[1:], ahead.ends_at, "If nothing was paid")
    elif ahead.provider_tries:
        title = provider_end(stripe, recurring=sample.recurring) or "What follows is set in Stripe"
        yield maker.step("end", title, ahead.ends_at, "If nothing was paid", assumed=True)


def _notes(
    book: Rulebook, rules: RetryRules, sample: Sample, stripe: ProviderNotes, found: Outlook
) -> Iterator[str]:
    """Say what was assumed, and what is not on the line because it was not chosen."""
    if rules.engine != "recoup":
        yield from _on_stripe(rules, sample, stripe)
    if not sample.recurring and book.retry.engine != "stripe" and rules.engine == "stripe":
        yield "One-off invoices are left to Stripe: their switch is off."
    if sample.recurring and book.retry.engine != "stripe" and not book.retry.recurring:
        yield "Subscriptions and payment plans are left to Stripe: their switch is off."
    if not book.mails.on:
        yield "No emails: none is switched on under Settings, Emails."
    if not sample.recurring:
        yield "A one-off invoice takes no access."
    elif not found.access and (book.access is None or book.access.revoke == "never"):
        yield "A failed payment takes no access: that is off under Settings, Customer Payments."
    elif book.access and (
        book.access.offers is not None or any(one.offers for one in book.access.ladders)
    ):
        yield "Access differs by offer; shown is one whose access is taken."


def _on_stripe(rules: RetryRules, sample: Sample, stripe: ProviderNotes) -> Iterator[str]:
    if sample.is_debit:
        yield "Stripe retries bank debits by a switch of its own, which is not noted here: no dates."
        return
    if stripe.schedule == "off":
        yield "You noted that Stripe's retries are off: it does not try again."
        return
    tries, days = stripe.assumed_tries, stripe.assumed_days
    count = f"{tries} {'try' if tries == 1 else 'tries'} in {days} days"
    source = "as you noted" if stripe.is_complete else "as far as noted, else Stripe's default"
    yield (
        "Stripe chooses its times itself and names only the next one."
        f" Its tries are shown evenly spread: {count}, {source}."
    )
    if rules.engine == "gaps":
        yield (
            "Recoup tries between them by its schedule, never within"
            f" {rules.gap_hours} hours of Stripe's next try. With other times of Stripe's, its days"
            " move too."
        )


def _warnings(tries: Sequence[PlannedTry], now: dt.datetime) -> Iterator[str]:
    if not tries:
        return
    days = (tries[-1].due_at - now).days
    if days >= MONTH_DAYS:
        yield "This runs into the next monthly invoice: two payments may be open at once."
    if days > STRIPE_PAGE_DAYS:
        yield (
            f"Stripe's hosted payment page expires {STRIPE_PAGE_DAYS} days after the invoice:"
            " customers cannot pay there during the last retries."
        )
