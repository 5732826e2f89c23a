"""The columns of the list of cases."""

from django.utils.translation import gettext_lazy as _

from apps.web.columns import Column, ListPage, register_list

CASES = register_list(
    ListPage(
        "recovery",
        "recovery:list",
        (
            Column("amount", _("Amount due"), "end", sort="amount", falling=True, fixed=True),
            Column("status", _("Status")),
            Column("customer", _("Customer")),
            Column("offer", _("Offer"), "wide"),
            Column("reason", _("Reason")),
            Column("retries", _("Retries")),
            Column("failed", _("Failed on"), sort="failed", falling=True),
            Column("emails", _("Emails"), rare=True),
            Column("access", _("Access"), rare=True),
            Column("engine", _("Who retries"), rare=True),
            Column("next_try", _("Next try"), sort="next_try", rare=True),
            Column("invoice", _("Invoice"), rare=True),
            Column("kind", _("Kind"), rare=True),
        ),
    )
)
