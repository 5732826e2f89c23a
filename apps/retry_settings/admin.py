"""The operator's view of retry settings: read-only."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.retry_settings.models import RetryPolicy, RetrySettings, StripeNotes


@admin.register(RetrySettings)
class RetrySettingsAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "version", "updated_at"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]


@admin.register(RetryPolicy)
class RetryPolicyAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "position", "name", "version", "updated_at"]
    list_select_related = ["merchant"]
    search_fields = ["name", "merchant__name", "merchant__stripe_account_id"]


@admin.register(StripeNotes)
class StripeNotesAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "schedule", "tries", "window_days", "updated_at"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]
