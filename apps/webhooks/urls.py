from django.urls import path

from apps.webhooks import views

app_name = "webhooks"

urlpatterns = [path("stripe/", views.stripe, name="stripe")]
