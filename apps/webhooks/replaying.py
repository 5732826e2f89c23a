"""Replay in the operator's admin: asked first, done by POST, on record."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from apps import clock
from apps.webhooks import services
from apps.webhooks.models import DirtyObject, InboxEvent

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

MOST_SHOWN = 20


class Confirmed(ModelAdmin):
    """An action that shows what it is about to do, and does it when that page is sent."""

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Let staff replay who could change the rows, were they not read-only for everybody."""
        assert hasattr(request.user, "has_perm")  # noqa: S101 - the admin lets nobody else in
        options = self.opts
        return bool(request.user.has_perm(f"{options.app_label}.change_{options.model_name}"))

    def ask(
        self, request: HttpRequest, rows: QuerySet[Any], *, action: str, words: str
    ) -> HttpResponse:
        """Render the page that asks."""
        return TemplateResponse(
            request,
            "admin/webhooks/replay.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": "Are you sure?",
                "words": words,
                "rows": rows[:MOST_SHOWN],
                "count": rows.count(),
                "selected": rows.values_list("pk", flat=True),
                "checkbox_name": ACTION_CHECKBOX_NAME,
                "action": action,
            },
        )

    def done(self, request: HttpRequest, rows: QuerySet[Any], number: int) -> None:
        """Put each row on record and tell the operator."""
        self.log_change_of_each(request, rows)
        self.message_user(request, f"{number} will be read within a minute.", messages.SUCCESS)

    def log_change_of_each(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        for row in rows:
            self.log_change(request, row, "Replayed.")


class ReplayEvents(Confirmed):
    """For the inbox: take events in again."""

    actions = ["replay"]

    @admin.action(description="Replay selected events", permissions=["replay"])
    def replay(self, request: HttpRequest, events: QuerySet[InboxEvent]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            words = "Take these events in again? What they are about is read afresh from Stripe."
            return self.ask(request, events, action="replay", words=words)
        ids = list(events.values_list("stripe_event_id", flat=True))
        number = services.replay_events(now=clock.now(), event_ids=ids)
        self.done(request, events, number)
        return None


class ReplayObjects(Confirmed):
    """For objects that could not be read: try again now."""

    actions = ["replay"]

    @admin.action(description="Read selected objects again", permissions=["replay"])
    def replay(self, request: HttpRequest, rows: QuerySet[DirtyObject]) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.ask(request, rows, action="replay", words="Read these objects again, now?")
        number = services.replay_parked(which=rows)
        self.done(request, rows, number)
        return None
