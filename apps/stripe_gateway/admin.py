"""The operator's view of the mirror: read-only, and nothing that holds or takes a key.

dj-stripe's own pages are taken away: they fail on invoices of today's API, show keys and webhook
secrets, and call Stripe.
"""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from djstripe import models as djstripe

from apps.stripe_gateway.mirror import MODELS
from apps.stripe_gateway.models import MirrorBacklog, ProductName, StripeErrorCount

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

SHOWN = (
    "id",
    "livemode",
    "created",
    "djstripe_owner_account_id",
    "djstripe_updated",
    "stripe_data",
)
MIRRORED = (djstripe.Account, *MODELS.values(), djstripe.Price)


def _remove_pages_of(app_label: str) -> None:
    for model in [one for one in admin.site._registry if one._meta.app_label == app_label]:
        admin.site.unregister(model)


class ReadOnlyAdmin(ModelAdmin):
    """A page that shows and finds, and changes nothing."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class MirrorAdmin(ReadOnlyAdmin):
    """One object of Stripe's, as dj-stripe keeps it."""

    list_display = ["id", "djstripe_owner_account_id", "livemode", "created", "djstripe_updated"]
    list_filter = ["livemode"]
    search_fields = ["id"]
    show_full_result_count = False
    ordering = ["-djstripe_updated"]
    fields = SHOWN
    readonly_fields = SHOWN


class MirrorBacklogAdmin(ReadOnlyAdmin):
    list_display = ["stripe_id", "kind", "stripe_account_id", "read_at", "failures", "error"]
    list_filter = ["kind", "livemode"]
    search_fields = ["stripe_id", "stripe_account_id"]
    show_full_result_count = False


class ProductNameAdmin(ReadOnlyAdmin):
    list_display = ["stripe_product_id", "name", "stripe_account_id", "livemode", "read_at"]
    search_fields = ["stripe_product_id", "name", "stripe_account_id"]


class StripeErrorCountAdmin(ReadOnlyAdmin):
    list_display = ["kind", "count", "last_at"]
    search_fields = ["kind"]


_remove_pages_of("djstripe")
for mirrored in MIRRORED:
    admin.site.register(mirrored, MirrorAdmin)
admin.site.register(MirrorBacklog, MirrorBacklogAdmin)
admin.site.register(ProductName, ProductNameAdmin)
admin.site.register(StripeErrorCount, StripeErrorCountAdmin)
