"""What reaches the customer: the payment link and the mails."""

from apps.dunning_emails.services.invoices import plan_invoice
from apps.dunning_emails.services.links import (
    admit,
    find_link,
    make_link,
    revoke_links,
)
from apps.dunning_emails.services.reacting import react_to
from apps.dunning_emails.services.renewing import ask_for_new_link
from apps.dunning_emails.services.visits import settle_visit, visits_to_settle

__all__ = [
    "admit",
    "ask_for_new_link",
    "find_link",
    "make_link",
    "plan_invoice",
    "react_to",
    "revoke_links",
    "settle_visit",
    "visits_to_settle",
]
