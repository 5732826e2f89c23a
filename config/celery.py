"""The Celery application. Celery and beat only wake the loop; Postgres holds every due time."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")

app = Celery("recoup")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
