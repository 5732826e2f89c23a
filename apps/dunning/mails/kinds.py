"""The mails there are, each with its words in settings and its counterpart at Stripe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class MailKind(StrEnum):
    """One mail a merchant can switch on and word."""

    FAILED_1 = "failed_1"
    FAILED_2 = "failed_2"
    FAILED_3 = "failed_3"
    CONFIRM = "confirm"
    CONFIRM_REMINDER = "confirm_reminder"
    FINAL_NOTICE = "final_notice"
    ACCESS_REVOKED = "access_revoked"
    RECOVERED = "recovered"
    CANCELED = "canceled"
    CARD_EXPIRING = "card_expiring"
    RENEWAL = "renewal"
    INVOICE_SENT = "invoice_sent"
    INVOICE_REMINDER = "invoice_reminder"
    NEW_LINK = "new_link"


CHASE = (
    MailKind.FAILED_1,
    MailKind.FAILED_2,
    MailKind.FAILED_3,
    MailKind.CONFIRM,
    MailKind.CONFIRM_REMINDER,
    MailKind.FINAL_NOTICE,
)
"""Mails of a case's sequence: one after the other, capped and bundled; none after it is paid."""

OF_3DS = (MailKind.CONFIRM, MailKind.CONFIRM_REMINDER)
"""Mails about payments that wait for the customer's word to their bank."""

OF_INVOICES = (MailKind.INVOICE_SENT, MailKind.INVOICE_REMINDER)
"""Mails about invoices that customers pay by hand; none after one is paid or given up."""

SAYS_FAILED = frozenset({*CHASE, MailKind.ACCESS_REVOKED})
"""Mails that may never arrive after the payment is known to be made."""

CAPPED = SAYS_FAILED | {MailKind.INVOICE_REMINDER}
"""Mails that count where one person gets only so many in a week."""


REMINDERS = frozenset(
    {
        MailKind.FAILED_2,
        MailKind.FAILED_3,
        MailKind.CONFIRM_REMINDER,
        MailKind.CARD_EXPIRING,
        MailKind.RENEWAL,
        MailKind.INVOICE_REMINDER,
    }
)
"""What repeats or announces; a customer may do without, and these mails offer to stop it.

The first word about a payment and the last, and what answers something the customer did, belong to
the bill: they always go out.
"""


@dataclass(frozen=True, slots=True)
class KindInfo:
    """`stripe` names Stripe's own mail about the same thing, "" where it has none.

    `counts` says what the merchant's number of days means; "" where there is none to choose.
    `days` is the default.
    """

    title: str
    when: str
    audience: str
    stripe: str = ""
    counts: str = ""
    days: int = 0


KINDS: Mapping[MailKind, KindInfo] = MappingProxyType(
    {
        MailKind.FAILED_1: KindInfo(
            "Payment failed 1",
            "After the first failure; waits when a silent try is due within a day",
            "Everybody whose card or debit failed",
            "Send emails when card payments fail, when bank debit payments fail",
            "days after the first failure",
            0,
        ),
        MailKind.FAILED_2: KindInfo(
            "Payment failed 2",
            "When it is still not paid",
            "Everybody whose payment is still open",
            "",
            "days after the first failure",
            4,
        ),
        MailKind.FAILED_3: KindInfo(
            "Payment failed 3",
            "When it is still not paid",
            "Everybody whose payment is still open",
            "",
            "days after the first failure",
            10,
        ),
        MailKind.CONFIRM: KindInfo(
            "Needs confirmation",
            "When the bank asks for 3-D Secure",
            "Customers whose bank asks",
            "Send a Stripe-hosted link to confirm payments that require 3D Secure",
        ),
        MailKind.CONFIRM_REMINDER: KindInfo(
            "Confirmation reminder",
            "On the days chosen below, while it is not confirmed",
            "Customers whose bank still waits",
            "Reminders if 3D Secure is not completed",
        ),
        MailKind.FINAL_NOTICE: KindInfo(
            "Final notice",
            "Before the recovery ends",
            "Everybody whose payment is still open",
            "",
            "days before the end",
            2,
        ),
        MailKind.ACCESS_REVOKED: KindInfo(
            "Access revoked",
            "When access is taken automatically and no other mail says so within a day",
            "Customers who lost access",
        ),
        MailKind.RECOVERED: KindInfo(
            "Payment recovered",
            "When it is paid, to those who had a mail about it",
            "Customers who were written to",
        ),
        MailKind.CANCELED: KindInfo(
            "Subscription canceled",
            "When a subscription ends because it was not paid",
            "Customers whose subscription ended",
            "Send a cancellation email (automations)",
        ),
        MailKind.CARD_EXPIRING: KindInfo(
            "Card expiring",
            "Before the card of an active subscription runs out, unless a newer one is on file",
            "Active subscribers with such a card",
            "Send emails about expiring cards",
            "days before the month ends",
            14,
        ),
        MailKind.RENEWAL: KindInfo(
            "Upcoming renewal",
            "Before the next payment of a subscription",
            "Active subscribers",
            "Send emails about upcoming renewals",
            "days before the renewal",
            7,
        ),
        MailKind.INVOICE_SENT: KindInfo(
            "Invoice",
            "When an invoice that is paid by hand is finalized",
            "Customers who pay their invoices themselves",
            "Email finalized invoices to customers",
        ),
        MailKind.INVOICE_REMINDER: KindInfo(
            "Invoice reminder",
            "On the days chosen below, while it is not paid",
            "Customers whose sent invoice is open",
            "Send reminders for unpaid one-off invoices",
        ),
        MailKind.NEW_LINK: KindInfo(
            "New payment link",
            "When a customer opens a link that no longer works and asks for another",
            "The customer who asked",
        ),
    }
)

AVAILABLE = (
    MailKind.FAILED_1,
    MailKind.FAILED_2,
    MailKind.FAILED_3,
    MailKind.CONFIRM,
    MailKind.CONFIRM_REMINDER,
    MailKind.FINAL_NOTICE,
    MailKind.ACCESS_REVOKED,
    MailKind.RECOVERED,
    MailKind.CANCELED,
    MailKind.CARD_EXPIRING,
    MailKind.RENEWAL,
    MailKind.INVOICE_SENT,
    MailKind.INVOICE_REMINDER,
)
"""What can be switched on, in the order of the list."""
