"""The payment link, the mails and their settings: ours alone, not in Stripe."""

from apps.dunning_emails.models.invoices import InvoiceAct
from apps.dunning_emails.models.links import CheckoutVisit, PaymentLink
from apps.dunning_emails.models.mails import BouncedAddress, Mail, NoReminders
from apps.dunning_emails.models.settings import EmailSettings, MailTemplate

__all__ = [
    "BouncedAddress",
    "CheckoutVisit",
    "EmailSettings",
    "InvoiceAct",
    "Mail",
    "MailTemplate",
    "NoReminders",
    "PaymentLink",
]
