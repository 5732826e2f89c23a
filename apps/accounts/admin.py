"""The operator's view. Everything is readable; one thing may be changed: the kill switch."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest

from apps import clock
from apps.accounts.models import AuditEntry, Installation, Membership, Merchant, User
from apps.accounts.services import set_charging

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    TabularInline = admin.TabularInline[Any, Any]
else:
    ModelAdmin = admin.ModelAdmin
    TabularInline = admin.TabularInline


class ReadOnly:
    """Shows and finds, and changes nothing."""

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ModelAdmin):
    show_full_result_count = False


class ReadOnlyInline(ReadOnly, TabularInline):
    extra = 0
    can_delete = False
    show_change_link = True


class MembershipInline(ReadOnlyInline):
    model = Membership


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ["email", "first_name", "last_name", "is_active", "is_staff", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "first_name", "last_name"]
    exclude = ["password"]
    inlines = [MembershipInline]


@admin.register(Merchant)
class MerchantAdmin(ReadOnlyAdmin):
    """`charging_on` stops every charge of a merchant at once; each change is on record."""

    list_display = [
        "name",
        "stripe_account_id",
        "livemode",
        "charging_on",
        "reconciled_at",
        "time_zone",
    ]
    list_filter = ["charging_on", "livemode"]
    search_fields = ["name", "stripe_account_id"]
    readonly_fields = [
        field.name for field in Merchant._meta.fields if field.name not in ("id", "charging_on")
    ]
    inlines = [MembershipInline]

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def save_model(
        self, request: HttpRequest, obj: Merchant, form: "ModelForm[Merchant]", change: bool
    ) -> None:
        assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
        set_charging(merchant=obj, on=obj.charging_on, user=request.user, now=clock.now())


@admin.register(Installation)
class InstallationAdmin(ReadOnlyAdmin):
    """The switch for everybody, and whether the engine waits for a comparison with Stripe."""

    list_display = ["__str__", "charging_reason", "alive_at", "reconcile_since"]
    search_fields = ["charging_reason"]


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    list_display = ["user", "merchant", "role"]
    list_filter = ["role"]
    list_select_related = ["user", "merchant"]
    search_fields = ["user__email", "merchant__name"]


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ["at", "merchant", "actor", "action", "subject"]
    list_filter = ["action"]
    list_select_related = ["merchant"]
    search_fields = ["actor", "subject", "merchant__name"]
