"""The operator's view of payers and their payment methods: read-only."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.customers.models import Customer, PaymentMethod


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    list_display = ["name", "email", "stripe_customer_id", "merchant", "country", "time_zone"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_customer_id", "email", "name"]


@admin.register(PaymentMethod)
class PaymentMethodAdmin(ReadOnlyAdmin):
    list_display = [
        "stripe_payment_method_id",
        "type",
        "brand",
        "last4",
        "stripe_customer_id",
        "merchant",
    ]
    list_filter = ["type"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_payment_method_id", "stripe_customer_id", "fingerprint"]
