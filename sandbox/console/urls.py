from django.urls import path

from sandbox.console import stories, views

app_name = "console"

urlpatterns = [
    path("", stories.page, name="stories"),
    path("story/", stories.play, name="play"),
    path("stripe/", stories.trouble, name="trouble"),
    path("clock/", views.bar, name="bar"),
    path("clock/move/", views.move, name="move"),
]
