from django.urls import path

from apps.subscriptions import views

app_name = "subscriptions"

urlpatterns = [
    path("", views.subscription_list, name="list"),
    path("export/", views.subscription_export, name="export"),
    path("<int:subscription_id>/", views.subscription_detail, name="detail"),
]
