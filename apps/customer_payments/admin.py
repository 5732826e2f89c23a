"""The operator's view of access: read-only."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin, ReadOnlyInline
from apps.customer_payments.models import (
    Access,
    AccessEvent,
    AccessRun,
    AccessStep,
    CustomerPaymentSettings,
)


@admin.register(CustomerPaymentSettings)
class CustomerPaymentSettingsAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "revoke_on_failure", "grant_on_success", "version", "updated_at"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]


class AccessEventInline(ReadOnlyInline):
    model = AccessEvent
    fields = ["at", "state", "actor", "reason", "triggers_automations"]


class AccessStepInline(ReadOnlyInline):
    model = AccessStep
    fields = ["state", "status", "due_at", "why", "settled_at", "note"]


@admin.register(Access)
class AccessAdmin(ReadOnlyAdmin):
    list_display = [
        "stripe_customer_id",
        "stripe_product_id",
        "merchant",
        "state",
        "is_automatic",
        "changed_at",
    ]
    list_filter = ["state", "is_automatic"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_customer_id", "stripe_product_id", "stripe_subscription_id"]
    inlines = [AccessEventInline, AccessStepInline]


@admin.register(AccessEvent)
class AccessEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "access", "state", "actor", "reason"]
    list_filter = ["state"]
    list_select_related = ["access"]
    search_fields = ["access__stripe_customer_id", "access__stripe_product_id"]


@admin.register(AccessStep)
class AccessStepAdmin(ReadOnlyAdmin):
    list_display = ["due_at", "access", "state", "status", "why"]
    list_filter = ["status", "state"]
    list_select_related = ["access"]
    search_fields = [
        "access__stripe_customer_id",
        "access__stripe_product_id",
        "access__stripe_subscription_id",
        "case__stripe_invoice_id",
    ]


@admin.register(AccessRun)
class AccessRunAdmin(ReadOnlyAdmin):
    list_display = ["asked_at", "merchant", "asked_by", "customers", "position", "finished_at"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id", "asked_by"]
