from django.urls import path

from apps.subscriptions import views

app_name = "subscriptions"

urlpatterns = [
    path("", views.subscription_list, name="list"),
    path("bulk/retry/", views.bulk_cases, {"verb": "retry"}, name="bulk_retry"),
    path("bulk/remind/", views.bulk_cases, {"verb": "remind"}, name="bulk_remind"),
    path("<int:subscription_id>/", views.subscription_detail, name="detail"),
]
