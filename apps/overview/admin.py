"""The operator's view of signs of life, of what beat sends and of what merchants looked at."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django_celery_beat.admin import PeriodicTaskAdmin
from django_celery_beat.models import PeriodicTask

from apps.accounts.admin import ReadOnlyAdmin
from apps.overview.models import Heartbeat, InvariantCheck, SetupNote

if TYPE_CHECKING:
    LibraryAdmin = admin.ModelAdmin[Any]
else:
    LibraryAdmin = PeriodicTaskAdmin

admin.site.unregister(PeriodicTask)


@admin.register(PeriodicTask)
class ScheduleAdmin(LibraryAdmin):
    """What beat sends. What the code owns is read-only: beat writes it again at its start.

    The list's actions switch any schedule off and on, or send it once; that stays.
    """

    list_display = [
        "name",
        "is_of_the_code",
        "enabled",
        "interval",
        "last_run_at",
        "total_run_count",
    ]
    # The library's own page brings a script inside the page, which the policy forbids.
    change_form_template = "admin/change_form.html"

    @admin.display(boolean=True, description="Of the code")
    def is_of_the_code(self, task: PeriodicTask) -> bool:
        return task.name in settings.CELERY_BEAT_SCHEDULE

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not self._is_owned(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not self._is_owned(obj)

    def get_actions(self, request: HttpRequest) -> Any:
        # The library offers them to whoever may look.
        return super().get_actions(request) if self.has_change_permission(request) else {}

    def _is_owned(self, task: Any) -> bool:
        return task is not None and self.is_of_the_code(task)


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ["name", "at"]
    search_fields = ["name"]


@admin.register(InvariantCheck)
class InvariantCheckAdmin(ReadOnlyAdmin):
    """The rules that must never break, as beat asked them in the last five minutes."""

    list_display = ["words", "holds", "broken", "examples", "broken_since", "checked_at"]
    search_fields = ["name", "words", "examples"]
    ordering = ["-broken", "name"]

    @admin.display(boolean=True, description="Holds")
    def holds(self, check: InvariantCheck) -> bool:
        return check.broken == 0


@admin.register(SetupNote)
class SetupNoteAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "key", "said_by", "said_at"]
    search_fields = ["merchant__name", "key", "said_by"]
    list_select_related = ["merchant"]
