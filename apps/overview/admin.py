"""The operator's view of signs of life: read-only."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.overview.models import Heartbeat


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "at"]
    search_fields = ["name"]
