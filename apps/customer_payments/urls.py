from django.urls import path

from apps.customer_payments import views

app_name = "customer_payments"

urlpatterns = [
    path("", views.settings_page, name="settings"),
    path("save/", views.save, name="save"),
]

# Under Sales: what happens to people, not the settings.
access_patterns = [
    path("", views.losing_access, name="losing"),
    path("<int:subscription_id>/", views.access_page, name="detail"),
    path("<int:subscription_id>/revoke/", views.revoke, name="revoke"),
    path("<int:subscription_id>/grant/", views.grant, name="grant"),
    path("case/<int:case_id>/", views.access_of_case, name="case"),
    path("case/<int:case_id>/hold/", views.hold, name="hold"),
    path("case/<int:case_id>/release/", views.release, name="release"),
]
