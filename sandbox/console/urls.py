from django.urls import path

from sandbox.console import outbox, stories, views

app_name = "console"

urlpatterns = [
    path("", stories.page, name="stories"),
    path("story/", stories.play, name="play"),
    path("stripe/", stories.trouble, name="trouble"),
    path("outbox/", outbox.box, name="outbox"),
    path("outbox/<slug:name>/", outbox.letter, name="letter"),
    path("outbox/<slug:name>/html/", outbox.letter_html, name="letter_html"),
    path("clock/", views.bar, name="bar"),
    path("clock/move/", views.move, name="move"),
]
