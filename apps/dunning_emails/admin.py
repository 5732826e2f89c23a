"""The operator's view of links and mails: read-only. No token can be read here: only hashes rest."""

from django.contrib import admin

from apps.accounts.admin import ReadOnlyAdmin, ReadOnlyInline
from apps.dunning_emails.models import (
    BouncedAddress,
    CheckoutVisit,
    EmailSettings,
    InvoiceAct,
    Mail,
    MailTemplate,
    NoReminders,
    PaymentLink,
)


class CheckoutVisitInline(ReadOnlyInline):
    model = CheckoutVisit
    fields = ["opened_at", "status", "stripe_session_id", "settled_at"]


@admin.register(PaymentLink)
class PaymentLinkAdmin(ReadOnlyAdmin):
    list_display = ["id", "merchant", "case", "made_by", "created_at", "used_at", "revoked_at"]
    list_select_related = ["merchant", "case"]
    search_fields = ["case__stripe_invoice_id", "case__stripe_customer_id"]
    inlines = [CheckoutVisitInline]


@admin.register(CheckoutVisit)
class CheckoutVisitAdmin(ReadOnlyAdmin):
    list_display = ["opened_at", "link", "status", "stripe_session_id"]
    list_filter = ["status"]
    list_select_related = ["link"]
    search_fields = ["stripe_session_id", "link__case__stripe_invoice_id"]


@admin.register(EmailSettings)
class EmailSettingsAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "sender_name", "link_target", "owner_alerts", "updated_at"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]
    exclude = ["logo", "icon"]


@admin.register(MailTemplate)
class MailTemplateAdmin(ReadOnlyAdmin):
    list_display = ["merchant", "kind", "on_since", "stripe_sends", "published_at", "published_by"]
    list_filter = ["kind"]
    list_select_related = ["merchant"]
    search_fields = ["merchant__name", "merchant__stripe_account_id"]


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    list_display = [
        "due_at",
        "merchant",
        "kind",
        "about",
        "person",
        "status",
        "sent_at",
        "delivery",
    ]
    list_filter = ["status", "kind", "delivery"]
    list_select_related = ["merchant"]
    search_fields = ["person", "recipient", "case__stripe_invoice_id", "provider_message_id"]


@admin.register(BouncedAddress)
class BouncedAddressAdmin(ReadOnlyAdmin):
    list_display = ["at", "merchant", "email", "reason"]
    list_filter = ["reason"]
    list_select_related = ["merchant"]
    search_fields = ["email", "merchant__stripe_account_id"]


@admin.register(NoReminders)
class NoRemindersAdmin(ReadOnlyAdmin):
    list_display = ["since", "merchant", "stripe_customer_id"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_customer_id", "merchant__stripe_account_id"]


@admin.register(InvoiceAct)
class InvoiceActAdmin(ReadOnlyAdmin):
    list_display = ["wanted_at", "merchant", "what", "stripe_invoice_id", "status", "note"]
    list_filter = ["what", "status"]
    list_select_related = ["merchant"]
    search_fields = ["stripe_invoice_id", "stripe_customer_id", "merchant__stripe_account_id"]
