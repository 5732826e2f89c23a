"""The operator's view of cases and charges: read-only, nothing here moves money."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin, ReadOnlyInline
from apps.recovery.models import (
    AccountPace,
    Attempt,
    BulkItem,
    BulkRun,
    CalendarFeed,
    CaseEvent,
    RecoveryCase,
    Try,
)


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = ["number", "status", "due_at", "sent_at", "settled_at", "skip_reason", "note"]


class CaseEventInline(ReadOnlyInline):
    model = CaseEvent
    fields = ["at", "kind", "actor", "text", "delivered_at", "delivery_tries", "delivery_error"]


@admin.register(RecoveryCase)
class RecoveryCaseAdmin(ReadOnlyAdmin):
    list_display = [
        "stripe_invoice_id",
        "merchant",
        "status",
        "next_step",
        "next_try_at",
        "engine",
        "takeover",
        "failed_at",
    ]
    list_filter = ["status", "next_step", "engine", "takeover", "source"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_invoice_id", "stripe_subscription_id", "stripe_customer_id"]
    date_hierarchy = "failed_at"
    inlines = [AttemptInline, CaseEventInline]


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ["case", "number", "status", "due_at", "sent_at", "settled_at", "skip_reason"]
    list_filter = ["status", "trigger"]
    list_select_related = ["case"]
    search_fields = ["case__stripe_invoice_id", "stripe_charge_id", "key"]
    ordering = ["-due_at"]


@admin.register(Try)
class TryAdmin(ReadOnlyAdmin):
    list_display = [
        "stripe_charge_id",
        "merchant",
        "status",
        "at",
        "amount_minor",
        "currency",
        "decline_code",
        "stripe_invoice_id",
    ]
    list_filter = ["status", "reached_network"]
    list_select_related = ["merchant"]
    search_fields = [
        "stripe_charge_id",
        "stripe_payment_intent_id",
        "stripe_invoice_id",
        "stripe_customer_id",
        "fingerprint",
    ]
    ordering = ["-at"]


@admin.register(CaseEvent)
class CaseEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "kind", "case", "actor", "text", "delivered_at", "delivery_tries"]
    list_filter = ["kind", "is_silent"]
    list_select_related = ["case"]
    search_fields = ["case__stripe_invoice_id", "key"]
    ordering = ["-id"]


@admin.register(CalendarFeed)
class CalendarFeedAdmin(ReadOnlyAdmin):
    list_display = ["membership", "created_at"]
    list_select_related = ["membership__user", "membership__merchant"]
    search_fields = ["membership__user__email"]
    exclude = ["token_hash"]


class BulkItemInline(ReadOnlyInline):
    model = BulkItem
    fields = ["case", "attempt", "status", "text"]


@admin.register(BulkRun)
class BulkRunAdmin(ReadOnlyAdmin):
    list_display = ["id", "merchant", "verb", "user", "asked_at"]
    list_filter = ["verb"]
    list_select_related = ["merchant", "user"]
    search_fields = ["items__case__stripe_invoice_id", "user__email"]
    inlines = [BulkItemInline]


@admin.register(BulkItem)
class BulkItemAdmin(ReadOnlyAdmin):
    list_display = ["run", "case", "status", "attempt"]
    list_filter = ["status"]
    list_select_related = ["run", "case", "attempt"]
    search_fields = ["case__stripe_invoice_id"]


@admin.register(AccountPace)
class AccountPaceAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "free_at"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]
