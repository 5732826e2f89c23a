"""What the confirmation of each bulk action says, and its results."""

from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from apps.recovery.models import BulkRun

Verb = BulkRun.Verb


@dataclass(frozen=True, slots=True)
class BulkWords:
    """The texts of one confirmation; `despite` is what a person has to tick first, "" for nothing.

    `is_grave` marks what cannot be undone.
    """

    question: str
    effect: str
    left_out: str
    button: str
    is_grave: bool = False
    despite: str = ""


def bulk_words(verb: str, *, n: int, picked: int, left_out: int, planned: int) -> BulkWords:
    """Say what a verb would do to `n` of `picked` cases; a try is planned for `planned` of them."""
    of = {"n": n, "picked": picked}
    busy = ngettext(
        "%(n)d is left out: closed, or a charge is under way.",
        "%(n)d are left out: closed, or a charge is under way.",
        left_out,
    ) % {"n": left_out}
    if verb == Verb.RETRY:
        return BulkWords(
            question=gettext("Retry %(n)d of %(picked)d now?") % of,
            effect=gettext(
                "Each is charged once, one after the other, after every rule was checked with a "
                "fresh read. What is planned stays unless the charge succeeds."
            ),
            left_out=ngettext(
                "%(n)d is left out: closed, under way, or waiting for a new card or the customer.",
                "%(n)d are left out: closed, under way, or waiting for a new card or the customer.",
                left_out,
            )
            % {"n": left_out},
            button=gettext("Retry %(n)d") % of,
        )
    if verb == Verb.REMIND:
        return BulkWords(
            question=gettext("Send a reminder for %(n)d of %(picked)d now?") % of,
            effect=gettext(
                "Each customer gets the email that fits their payment at once, also in quiet "
                "hours, with a payment link. Nobody gets more than one a day this way; where no "
                "email can go, the result says why."
            ),
            left_out=busy,
            button=ngettext("Send %(n)d reminder", "Send %(n)d reminders", n) % of,
        )
    if verb == Verb.LOSE:
        return BulkWords(
            question=gettext("Mark %(n)d of %(picked)d as lost?") % of,
            effect=gettext(
                "Their invoices become bad debt in Stripe (“uncollectible”), and nothing more is "
                "tried for them. They are not voided: customers still owe them and can still pay, "
                "which then counts as recovered. Recoup cancels no subscription; a rule of yours "
                "in Stripe may."
            ),
            left_out=busy,
            button=gettext("Mark %(n)d as lost") % of,
            is_grave=True,
            despite=ngettext(
                "Mark them although a try is still planned for %(n)d",
                "Mark them although tries are still planned for %(n)d",
                planned,
            )
            % {"n": planned}
            if planned
            else gettext("I have read this"),
        )
    return BulkWords(
        question=gettext("Stop %(n)d of %(picked)d?") % of,
        effect=gettext(
            "Recoup charges nothing more for these payments. Nothing changes at Stripe: invoices "
            "stay open, subscriptions and access stay as they are."
        ),
        left_out=busy,
        button=gettext("Stop %(n)d") % of,
        is_grave=True,
    )


def run_title(verb: str, count: int) -> str:
    """Name a run by what it does to how many."""
    values = {"n": count}
    if verb == Verb.STOP:
        return ngettext("Stop %(n)d case", "Stop %(n)d cases", count) % values
    if verb == Verb.LOSE:
        return ngettext("Mark %(n)d case as lost", "Mark %(n)d cases as lost", count) % values
    if verb == Verb.REMIND:
        return ngettext("Send %(n)d reminder", "Send %(n)d reminders", count) % values
    return gettext("Retry now: %(n)d") % values


def done_word(verb: str) -> str:
    """Say of one case that the verb was carried out."""
    return {
        Verb.STOP: gettext("Stopped"),
        Verb.LOSE: gettext("Stripe is told"),
        Verb.REMIND: gettext("On its way"),
    }.get(Verb(verb), gettext("Done"))
