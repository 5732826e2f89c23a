"""The operator's view of exports: read-only, and without what is in the files."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.exports.models import Export, ExportChunk


@admin.register(Export)
class ExportAdmin(ReadOnlyAdmin):
    list_display = ["file_name", "merchant", "status", "rows_done", "asked_by", "asked_at"]
    list_filter = ["status", "source"]
    list_select_related = ["merchant"]
    search_fields = ["file_name", "asked_by", "query", "merchant__stripe_account_id"]


@admin.register(ExportChunk)
class ExportChunkAdmin(ReadOnlyAdmin):
    list_display = ["export", "number"]
    list_select_related = ["export"]
    exclude = ["body"]
    search_fields = ["export__file_name", "export__merchant__stripe_account_id"]
