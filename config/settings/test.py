"""Tests: no network, no real key, fast hashes, tasks never leave the process."""

import os

from config.embedded import test_environment

for name, value in test_environment().items():
    os.environ.setdefault(name, value)

from config.settings.base import *

DATABASES["default"].setdefault("TEST", {})["NAME"] = os.environ.get("TEST_DB_NAME")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
SECURE_SSL_REDIRECT = False
SESSION_COOKIE_SECURE = False
SESSION_COOKIE_NAME = "recoup-session"
CSRF_COOKIE_SECURE = False
CSRF_COOKIE_NAME = "recoup-csrf"
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
