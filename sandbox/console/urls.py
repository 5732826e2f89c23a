from django.urls import path

from sandbox.console import views

app_name = "console"

urlpatterns = [
    path("clock/", views.bar, name="bar"),
    path("clock/move/", views.move, name="move"),
]
