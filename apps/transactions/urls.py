from django.urls import path

from apps.transactions import views

app_name = "transactions"

urlpatterns = [
    path("", views.transaction_list, name="list"),
    path("bulk/retry/", views.bulk_cases, {"verb": "retry"}, name="bulk_retry"),
    path("bulk/remind/", views.bulk_cases, {"verb": "remind"}, name="bulk_remind"),
    path("<int:transaction_id>/", views.transaction_detail, name="detail"),
]
