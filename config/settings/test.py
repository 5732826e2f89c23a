"""Tests: no network, no real key, fast hashes, tasks never leave the process."""

import os

from config import logs
from config.embedded import checkout_tag, test_environment

environment = test_environment()
# Only the servers may come from outside: a real key in somebody's shell never reaches a test.
environment["DATABASE_URL"] = os.environ.get("DATABASE_URL", environment["DATABASE_URL"])
# What the tests that start real processes use; tasks of all others stay in this process. Kept in
# the environment, since several test processes are started by one that has read these settings.
PROCESS_BROKER_URL = os.environ.setdefault(
    "PROCESS_BROKER_URL", os.environ.get("CELERY_BROKER_URL", "filesystem://localhost")
)
os.environ.update(environment)

from config.settings.base import *

INSTALLED_APPS += ["sandbox.simulation"]
# Two checkouts may share one server; sorting does not depend on the server's own locale.
DATABASES["default"]["TEST"] = {
    "NAME": os.environ.get("TEST_DB_NAME") or f"test_recoup_{checkout_tag()}",
    "TEMPLATE": "template0",
}
LOGGING = logs.logging_settings("line")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = False
SESSION_COOKIE_NAME = "recoup-session"
CSRF_COOKIE_SECURE = False
CSRF_COOKIE_NAME = "recoup-csrf"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# Static files straight from their sources: nothing is collected before tests.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
WEBHOOKS_MAY_GO_TO_LOCALHOST = True
