from django.urls import path

from apps.dunning_emails.views import stop

app_name = "mail"

urlpatterns = [path("reminders/<str:token>/", stop.stop, name="stop")]
