"""Our own words for every mail, and the variables a merchant may use in theirs.

A variable stands in braces: {amount}. Some are whole sentences and may be empty; a paragraph that is
empty then is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from apps.dunning.mails.kinds import MailKind

VARIABLE = re.compile(r"\{([^{}\n]*)\}")

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "first_name": "The customer's first name, else “there”",
        "store": "Your sender name",
        "amount": "What is to be paid, with its currency",
        "offer": "What they bought",
        "card": "The card or bank account on file",
        "reason": "Why it failed, in words that are fit for customers (a sentence)",
        "what_to_do": "What would help (a sentence)",
        "invoice": "The invoice's number",
        "next_try": "When it is tried again by itself (a sentence, or nothing)",
        "access": "What became of their access (a sentence, or nothing)",
        "date": "The day the mail is about: failed, due, renewed, running out",
        "due": "When an invoice is due, in words: “due on Dec 3”, “due today”, “due since Dec 3”",
        "end": "When the recovery ends (a sentence, or nothing)",
        "backup": "Which backup card was charged (a sentence, or nothing)",
    }
)

LONGEST_SUBJECT = 60
MARKETING = re.compile(
    r"\b(discounts?|coupons?|promo(tions?)?|upgrade now|special offer|limited[- ]time|% off|sale)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one mail: subject, the line an inbox shows after it, text and button."""

    subject: str
    preview: str
    body: str
    button: str

    def with_changes(self, changes: Mapping[str, Any]) -> Words:
        """Return these words with a merchant's own in place of ours."""
        known = {one.name for one in fields(self)}
        return replace(self, **{name: str(text) for name, text in changes.items() if name in known})

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


_HELLO = "Hi {first_name},\n\n"
_PAY = "Fix my payment"

TEXTS: Mapping[MailKind, Words] = MappingProxyType(
    {
        MailKind.FAILED_1: Words(
            "Your payment to {store} did not go through",
            "{amount} for {offer}",
            _HELLO + "your payment of {amount} for {offer} did not go through. {reason}\n\n"
            "{what_to_do} {next_try}\n\n{access}\n\n"
            "The button leads to a secure page. A new payment method is charged for this payment "
            "and serves your later payments as well.",
            _PAY,
        ),
        MailKind.FAILED_2: Words(
            "Still open: your payment to {store}",
            "{amount} for {offer}",
            _HELLO + "your payment of {amount} for {offer} is still open. {reason}\n\n"
            "{what_to_do} {next_try}\n\n{access}\n\n"
            "If anything is unclear, just answer this email.",
            _PAY,
        ),
        MailKind.FAILED_3: Words(
            "Please settle your payment to {store}",
            "{amount} for {offer} is still open",
            _HELLO + "we could not collect {amount} for {offer} so far. {reason}\n\n"
            "Please choose another payment method now, so that you can keep {offer}. {next_try}\n\n"
            "{access}\n\n{end}",
            _PAY,
        ),
        MailKind.CONFIRM: Words(
            "Please confirm your payment to {store}",
            "Your bank asks for it",
            _HELLO + "your bank asks you to confirm the payment of {amount} for {offer}. It calls "
            "this Visa Secure, Mastercard Identity Check or 3-D Secure.\n\n"
            "It takes a minute. Nothing is charged before you confirm.",
            "Confirm my payment",
        ),
        MailKind.CONFIRM_REMINDER: Words(
            "Your bank still waits: payment to {store}",
            "Confirm {amount} for {offer}",
            _HELLO + "your payment of {amount} for {offer} is not confirmed yet. Your bank waits "
            "for it before the payment can go through.\n\n{end}",
            "Confirm my payment",
        ),
        MailKind.FINAL_NOTICE: Words(
            "Last notice: your payment to {store}",
            "{amount} for {offer} is still open",
            _HELLO + "your payment of {amount} for {offer} has not come in. {end}\n\n"
            "You can still settle it with the button below.\n\n{access}",
            _PAY,
        ),
        MailKind.ACCESS_REVOKED: Words(
            "Your access to {offer} is paused",
            "Until {amount} is paid",
            _HELLO + "your last payment of {amount} did not go through, so your access to {offer} "
            "is paused. Your progress is kept.\n\n"
            "As soon as it is paid, your access comes back.",
            _PAY,
        ),
        MailKind.RECOVERED: Words(
            "Thank you: your payment to {store} went through",
            "{amount} for {offer}",
            _HELLO + "your payment of {amount} for {offer} went through. There is nothing left "
            "to do.\n\n{backup}\n\n{access}",
            "",
        ),
        MailKind.CANCELED: Words(
            "Your subscription to {offer} has ended",
            "It was not paid",
            _HELLO + "your subscription to {offer} has ended, because the payment of {amount} did "
            "not come in. Nothing more is charged.\n\n"
            "If you would like to come back, just answer this email.",
            "",
        ),
        MailKind.CARD_EXPIRING: Words(
            "Your card for {store} runs out soon",
            "{card} is valid until {date}",
            _HELLO + "your card {card}, with which you pay for {offer}, is valid until {date}. If "
            "your bank has sent you a new one, please enter it before the next payment.\n\n"
            "Many banks tell us the new card by themselves; then there is nothing to do.",
            "Update my card",
        ),
        MailKind.RENEWAL: Words(
            "Your subscription to {offer} renews on {date}",
            "{amount} will be charged",
            _HELLO + "your subscription to {offer} renews on {date}. {amount} will be charged to "
            "{card}.\n\nThere is nothing to do.",
            "",
        ),
        MailKind.INVOICE_SENT: Words(
            "Your invoice {invoice} from {store}",
            "{amount}, {due}",
            _HELLO + "here is your invoice {invoice} for {offer}: {amount}, {due}.\n\n"
            "The button leads to a secure page on which you can see, keep and pay it.",
            "See and pay the invoice",
        ),
        MailKind.INVOICE_REMINDER: Words(
            "Reminder: your invoice {invoice} from {store}",
            "{amount}, {due}",
            _HELLO + "a reminder of your invoice {invoice} for {offer}: {amount}, {due}.\n\n"
            "If you have paid it in the meantime, please ignore this email.",
            "See and pay the invoice",
        ),
        MailKind.NEW_LINK: Words(
            "Your new link for your payment to {store}",
            "{amount} for {offer}",
            _HELLO + "here is the new link that you asked for, to your payment of {amount} for "
            "{offer}. It shows how the payment stands, and what can be done.\n\n"
            "If you did not ask for it, there is nothing to do.",
            "Open my payment",
        ),
    }
)


def unknown_variables(words: Words) -> tuple[str, ...]:
    """Name what stands in braces and is no variable, once each."""
    found = VARIABLE.findall("\n".join(words.as_dict().values()))
    return tuple(dict.fromkeys(name for name in found if name not in VARIABLES))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put the values in place of the variables; one without a value becomes nothing."""
    return VARIABLE.sub(lambda found: values.get(found[1], ""), text)
