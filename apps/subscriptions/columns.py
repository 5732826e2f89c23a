"""The columns of the Subscriptions page."""

from django.utils.translation import gettext_lazy as _

from apps.web.columns import Column, ListPage, register_list

SUBSCRIPTIONS = register_list(
    ListPage(
        "subscriptions",
        "subscriptions:list",
        (
            Column("customer", _("Customer"), sort="customer", fixed=True),
            Column("offer", _("Offer"), "wide"),
            Column("amount", _("Amount"), "end", sort="amount", falling=True),
            Column("status", _("Status"), sort="status"),
            Column("access", _("Access")),
            Column("next_payment", _("Next payment"), sort="next_payment"),
            Column("started", _("Started"), "wide", sort="started", falling=True),
            Column("invoice", _("Latest invoice"), rare=True),
            Column("due", _("Amount due"), "end", sort="due", falling=True, rare=True),
            Column("past_due", _("Past due since"), sort="past_due", rare=True),
            Column("paid", _("Instalments paid"), rare=True),
            Column("next_try", _("Next try"), sort="next_try", rare=True),
            Column("ends", _("Ends"), rare=True),
        ),
    )
)
