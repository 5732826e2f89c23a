from django.urls import path

from apps.transactions import views

app_name = "transactions"

urlpatterns = [
    path("", views.transaction_list, name="list"),
    path("bulk/retry/", views.bulk_retry, name="bulk_retry"),
    path("<int:transaction_id>/", views.transaction_detail, name="detail"),
]
