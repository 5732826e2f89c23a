"""The columns of the Transactions page."""

from django.utils.translation import gettext_lazy as _

from apps.web.columns import Column, ListPage, register_list

TRANSACTIONS = register_list(
    ListPage(
        "transactions",
        "transactions:list",
        (
            Column("amount", _("Amount"), "end", sort="amount", falling=True, fixed=True),
            Column("status", _("Status"), sort="status"),
            Column("customer", _("Customer"), sort="customer"),
            Column("offer", _("Offer"), "wide"),
            Column("reason", _("Decline reason")),
            Column("date", _("Date"), sort="date", falling=True),
            Column("tries", _("Tries"), "end", rare=True),
            Column("next_try", _("Next try"), sort="next_try", rare=True),
            Column("stripe", _("Stripe goes on"), rare=True),
            Column("invoice", _("Invoice"), rare=True),
            Column("open", _("Still open"), "end", rare=True),
            Column("method", _("Payment method"), rare=True),
            Column("number", _("Invoice number"), rare=True),
            Column("first_failed", _("First failed"), rare=True),
            Column("paid", _("Paid"), rare=True),
        ),
    )
)
