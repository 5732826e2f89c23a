"""The address plan: each app's pages, wired in one place."""

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from apps.customer_payments.urls import access_patterns
from apps.integrations.urls import api_patterns, token_patterns, webhook_patterns
from apps.web.views import styleguide

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.overview.urls")),
    path("sales/subscriptions/", include("apps.subscriptions.urls")),
    path("sales/transactions/", include("apps.transactions.urls")),
    path("sales/recovery/", include("apps.recovery.urls")),
    path("sales/recovery/", include("apps.dunning_emails.case_urls")),
    path("settings/retries/", include("apps.retry_settings.urls")),
    path("sales/access/", include((access_patterns, "access"))),
    path("settings/customer-payments/", include("apps.customer_payments.urls")),
    path("analytics/", include("apps.analytics.urls")),
    path("exports/", include("apps.exports.urls")),
    path("settings/emails/", include("apps.dunning_emails.urls")),
    path("", include("apps.dunning_emails.branding_urls")),
    path("pay/", include("apps.dunning_emails.pay_urls")),
    path("mail/", include("apps.dunning_emails.mail_urls")),
    path("settings/webhooks/", include((webhook_patterns, "outgoing"))),
    path("settings/api/", include((token_patterns, "api_tokens"))),
    path("api/v1/", include((api_patterns, "api"))),
    path("webhooks/", include("apps.webhooks.urls")),
    path("", include("apps.web.urls")),
    path("admin/", admin.site.urls),
    path("", include("apps.accounts.urls")),
]

# Bounces and complaints; without a secret anybody could send them.
if settings.EMAIL_WEBHOOK_SECRET:
    urlpatterns.append(path("webhooks/mail/", include("anymail.urls")))

# For those who build pages.
if settings.DEBUG:
    urlpatterns.append(path("styleguide/", styleguide, name="styleguide"))

# The demo's time machine; only local settings install it.
if apps.is_installed("sandbox.console"):
    urlpatterns.append(path("demo/", include("sandbox.console.urls")))

handler400 = "apps.web.views.bad_request"
handler403 = "apps.web.views.forbidden"
handler404 = "apps.web.views.not_found"
handler500 = "apps.web.views.server_error"
