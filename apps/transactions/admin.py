"""The operator's view of payments: read-only."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.transactions.models import Transaction


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    list_display = [
        "stripe_invoice_id",
        "merchant",
        "status",
        "at",
        "amount_minor",
        "currency",
        "customer_name",
        "next_try_at",
    ]
    list_filter = ["status"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_invoice_id", "stripe_charge_id", "stripe_customer_id"]
    ordering = ["-at"]
