from django.urls import URLPattern, path

from apps.overview import views

app_name = "overview"

urlpatterns: list[URLPattern] = [
    path("", views.home, name="home"),
    path("customers/<str:stripe_customer_id>/", views.customer_page, name="customer"),
    path("settings/retries/stripe/check/", views.stripe_check, name="stripe_check"),
    path("settings/retries/mandates/", views.mandates, name="mandates"),
    path("settings/retries/history/", views.history_preview, name="history"),
    path("settings/retries/segments/match/", views.match_segments, name="match_segments"),
    path("analytics/more/", views.more_figures, name="more_figures"),
    path("analytics/emails.csv", views.emails_csv, name="emails_csv"),
    path("analytics/weekly/", views.weekly, name="weekly"),
    path("alerts/", views.alerts, name="alerts"),
    path("alerts/<int:alert_id>/", views.alert, name="alert"),
    path("setup/", views.setup, name="setup"),
    path("setup/checklist/", views.setup_checklist, name="setup_checklist"),
    path("setup/say/", views.say, name="say"),
    path("setup/import/", views.begin_import, name="begin_import"),
    path("setup/connected/", views.connected, name="connected"),
    path("settings/", views.settings, name="settings"),
    path("settings/stripe/", views.stripe, name="stripe"),
    path("settings/stripe/permissions/", views.stripe_permissions, name="stripe_permissions"),
    path("settings/stripe/replay/", views.replay, name="replay"),
    path("settings/stripe/disconnect/", views.disconnect, name="disconnect"),
    path("settings/preferences/", views.preferences, name="preferences"),
    path("settings/activity/", views.activity, name="activity"),
    path("settings/alerts/", views.alert_settings, name="alert_settings"),
    path("metrics", views.metrics, name="metrics"),
    path("healthz", views.healthz, name="healthz"),
]
