"""Pages that show everything: Home, a customer; and what machines ask for."""

from apps.overview.views.activity import activity
from apps.overview.views.alerts import alert, alert_settings, alerts
from apps.overview.views.connection import disconnect, replay, stripe, stripe_permissions
from apps.overview.views.customer import customer_page
from apps.overview.views.history import history_preview
from apps.overview.views.mandates import mandates
from apps.overview.views.matching import match_segments
from apps.overview.views.more_figures import emails_csv, more_figures
from apps.overview.views.preferences import preferences
from apps.overview.views.settings import settings
from apps.overview.views.setup import begin_import, connected, say, setup, setup_checklist
from apps.overview.views.start import healthz, home, metrics
from apps.overview.views.stripe_check import stripe_check
from apps.overview.views.weekly import weekly

__all__ = [
    "activity",
    "alert",
    "alert_settings",
    "alerts",
    "begin_import",
    "connected",
    "customer_page",
    "disconnect",
    "emails_csv",
    "healthz",
    "history_preview",
    "home",
    "mandates",
    "match_segments",
    "metrics",
    "more_figures",
    "preferences",
    "replay",
    "say",
    "settings",
    "setup",
    "setup_checklist",
    "stripe",
    "stripe_check",
    "stripe_permissions",
    "weekly",
]
