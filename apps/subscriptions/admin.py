"""The operator's view of subscriptions and payment plans: read-only."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.subscriptions.models import Subscription


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = [
        "stripe_subscription_id",
        "merchant",
        "status",
        "customer_name",
        "offer_name",
        "access",
        "next_try_at",
    ]
    list_filter = ["status", "access"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_subscription_id", "stripe_customer_id", "stripe_product_id"]
