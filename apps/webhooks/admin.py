"""The operator's view of the inbox: read-only, but for replaying."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.webhooks.models import (
    DirtyObject,
    ImportCursor,
    ImportedCharge,
    ImportRun,
    InboxEvent,
    ReconciliationReport,
    SweepCursor,
)
from apps.webhooks.replaying import ReplayEvents, ReplayObjects


@admin.register(InboxEvent)
class InboxEventAdmin(ReplayEvents, ReadOnlyAdmin):
    list_display = ["stripe_event_id", "type", "status", "received_at", "done_at", "error"]
    list_filter = ["status", "from_sweep", "livemode"]
    search_fields = ["stripe_event_id", "stripe_account_id", "type"]
    date_hierarchy = "received_at"
    readonly_fields = ["body_as_text"]

    @admin.display(description="Body, as signed")
    def body_as_text(self, event: InboxEvent) -> str:
        return bytes(event.body).decode(errors="replace")


@admin.register(DirtyObject)
class DirtyObjectAdmin(ReplayObjects, ReadOnlyAdmin):
    list_display = ["stripe_id", "kind", "merchant", "mark", "not_before", "failures", "error"]
    list_filter = ["kind"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_id"]


@admin.register(SweepCursor)
class SweepCursorAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "swept_until"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "phase", "started_at", "worked_at", "finished_at", "error"]
    list_filter = ["phase"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]


@admin.register(ImportCursor)
class ImportCursorAdmin(ReadOnlyAdmin):
    list_display = ["run", "phase", "done", "about", "reached_at", "is_finished"]
    list_select_related = ["run__merchant"]
    search_fields = ["run__merchant__name", "after"]


@admin.register(ImportedCharge)
class ImportedChargeAdmin(ReadOnlyAdmin):
    list_display = ["stripe_charge_id", "stripe_payment_intent_id", "stripe_invoice_id", "run"]
    list_select_related = ["run__merchant"]
    search_fields = ["stripe_charge_id", "stripe_payment_intent_id", "stripe_invoice_id"]


@admin.register(ReconciliationReport)
class ReconciliationReportAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "at", "compared", "difference_count", "repaired", "error"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]
    date_hierarchy = "at"
