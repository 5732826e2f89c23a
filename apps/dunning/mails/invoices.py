"""Invoices that customers pay by hand: what is written about them, when, or why nothing.

Nothing failed here. The customer gets the invoice, and reminders around the day on which it is due
until there is nothing left to pay.

Source: https://docs.stripe.com/invoicing/send-email
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from apps.dunning.mails.chase import Silence, Step, Write, free_for_person, is_wanted
from apps.dunning.mails.facts import Address, Sent
from apps.dunning.mails.hours import after_the_night
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning.timing import moment, wall_time, zone_of

AT = time(10)
"""When a reminder goes out on its day, by the customer's clock."""

AFTER_THE_INVOICE = timedelta(days=1)
"""A reminder so soon after the invoice itself would say nothing new."""


@dataclass(frozen=True, slots=True)
class SentInvoice:
    """All that a decision about one invoice may depend on.

    `status` is Stripe's; `is_sent` tells whether it is still collected by hand (send_invoice), and
    `is_processing` whether a bank works on a payment. `remaining_minor` is what is left to pay in the
    currency's smallest unit. `sent` are the mails about it, `to_person` the times of all mails that
    count to the same person.
    """

    finalized_at: datetime
    due_at: datetime | None
    zone: str
    status: str = "open"
    is_sent: bool = True
    is_processing: bool = False
    remaining_minor: int = 1
    sent: tuple[Sent, ...] = ()
    to_person: tuple[datetime, ...] = ()
    address: Address = "ok"


def next_invoice_mail(*, invoice: SentInvoice, rules: MailRules, now: datetime) -> Write | Silence:
    """Decide the next mail about a sent invoice.

    Asked again right before sending, with facts just read from Stripe. What was missed is not made
    up for: of several steps whose time has come only the last is written.
    """
    stop = _stopped(invoice)
    if stop is not None:
        return stop
    steps = [
        step
        for step in invoice_steps(invoice=invoice, rules=rules)
        if is_wanted(step, invoice.address)
    ]
    names = [step.name for step in steps]
    written = [names.index(one.step) for one in invoice.sent if one.step in names]
    left = steps[max(written) + 1 :] if written else steps
    left = [step for step in left if not _has_passed(step, invoice, now)]
    if not left and invoice.address == "no_reminders":
        return Silence("no_reminders", "The customer wants no reminders.")
    if not left:
        return Silence("done", "All emails about this invoice were sent, or they are off.")
    come = [step for step in left if step.at <= now]
    return _write(come[-1] if come else left[0], invoice=invoice, rules=rules, now=now)


def invoice_steps(*, invoice: SentInvoice, rules: MailRules) -> list[Step]:
    """Return the steps that are switched on, soonest first, whether written already or not."""
    steps = []
    if rules.is_on(MailKind.INVOICE_SENT, since=invoice.finalized_at):
        steps.append(Step(MailKind.INVOICE_SENT, "invoice_sent", invoice.finalized_at))
    if invoice.due_at is None or not rules.is_on(
        MailKind.INVOICE_REMINDER, since=invoice.finalized_at
    ):
        return steps
    zone = zone_of(invoice.zone)
    due_on = wall_time(invoice.due_at, zone).date()
    for days in sorted(set(rules.invoice_days)):
        at = moment(due_on + timedelta(days=days), AT, zone)
        if at > invoice.finalized_at + AFTER_THE_INVOICE:
            steps.append(Step(MailKind.INVOICE_REMINDER, reminder_name(days), at))
    return steps


def reminder_name(days: int) -> str:
    """Name the reminder of a day: "reminder_-3" is three days before the invoice is due."""
    return f"reminder_{days:+d}"


def _stopped(invoice: SentInvoice) -> Silence | None:
    if not invoice.is_sent:
        return Silence("automatic", "The invoice is charged by itself now.")
    if invoice.status != "open":
        return Silence("closed", f"The invoice is {invoice.status}.")
    if invoice.remaining_minor <= 0:
        return Silence("closed", "Nothing is left to pay.")
    if invoice.is_processing:
        return Silence("processing", "The bank is working on the payment.")
    if invoice.address == "missing":
        return Silence("no_address", "The customer has no email address.")
    if invoice.address == "bounced":
        return Silence("bounced", "Mail to the customer came back. Check the address.")
    return None


def _has_passed(step: Step, invoice: SentInvoice, now: datetime) -> bool:
    """Tell whether a reminder that was to come before the due day would come after it."""
    if step.kind != MailKind.INVOICE_REMINDER or invoice.due_at is None:
        return False
    zone = zone_of(invoice.zone)
    due_on = wall_time(invoice.due_at, zone).date()
    return wall_time(step.at, zone).date() < due_on < wall_time(now, zone).date()


def _write(step: Step, *, invoice: SentInvoice, rules: MailRules, now: datetime) -> Write:
    at, why = step.at, ""
    if step.kind == MailKind.INVOICE_REMINDER:
        free = free_for_person(invoice.to_person, rules=rules, at=max(at, now))
        if free > max(at, now):
            at, why = free, "Not more emails to one person in a week."
    awake = after_the_night(
        max(at, now), zone=invoice.zone, quiet_from=rules.quiet_from, quiet_until=rules.quiet_until
    )
    if awake > max(at, now):
        at, why = awake, "Quiet hours where the customer lives."
    return Write(step=step, at=at, why=why)
