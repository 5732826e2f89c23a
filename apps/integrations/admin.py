"""The operator's view of tokens, endpoints and deliveries: read-only, and no secret in it."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin
from apps.integrations.models import ApiToken, Delivery, OutgoingEvent, WebhookEndpoint


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ["name", "hint", "merchant", "created_at", "last_used_at", "revoked_at"]
    list_select_related = ["merchant"]
    search_fields = ["name", "merchant__name", "merchant__stripe_account_id"]
    exclude = ["digest"]


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    list_display = ["url", "merchant", "created_at", "failing_since", "disabled_at"]
    list_select_related = ["merchant"]
    search_fields = ["url", "merchant__name", "merchant__stripe_account_id"]


@admin.register(OutgoingEvent)
class OutgoingEventAdmin(ReadOnlyAdmin):
    list_display = ["at", "kind", "source", "merchant"]
    list_filter = ["kind"]
    list_select_related = ["merchant"]
    search_fields = ["source", "payload"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "event", "endpoint", "status", "tries", "next_at"]
    list_filter = ["status"]
    list_select_related = ["event", "endpoint__merchant"]
    search_fields = ["event__source", "endpoint__url", "event__payload"]
