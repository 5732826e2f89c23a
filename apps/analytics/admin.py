"""The operator's view of the counted days: read-only."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.analytics.models import (
    Alert,
    AlertSettings,
    DayBreakdown,
    DayFigures,
    DayToCount,
    WeeklyReview,
)


@admin.register(DayFigures)
class DayFiguresAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "day", "currency", "offer_name", "first_tries", "recovered", "lost"]
    list_select_related = ["merchant"]
    list_filter = ["currency"]
    search_fields = ["merchant__name", "merchant__stripe_account_id", "offer_name"]


@admin.register(DayBreakdown)
class DayBreakdownAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "day", "currency", "dimension", "key", "recovered", "lost", "tries"]
    list_select_related = ["merchant"]
    list_filter = ["dimension", "currency"]
    search_fields = ["merchant__name", "merchant__stripe_account_id", "key"]


@admin.register(DayToCount)
class DayToCountAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "day", "marked_at"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]


@admin.register(AlertSettings)
class AlertSettingsAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "retry_success_percent", "mails_alerts", "mails_weekly"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "kind", "key", "is_critical", "found_at", "cleared_at"]
    list_select_related = ["merchant"]
    list_filter = ["kind", "is_critical"]
    search_fields = ["merchant__name", "merchant__stripe_account_id", "text"]


@admin.register(WeeklyReview)
class WeeklyReviewAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "week", "made_at", "mailed_at"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]
