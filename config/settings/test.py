"""Tests: no network, no real key, fast hashes, tasks never leave the process."""

import os

from config.embedded import checkout_tag, test_environment

for name, value in test_environment().items():
    os.environ.setdefault(name, value)

from config.settings.base import *

# Two checkouts may share one server; sorting does not depend on the server's own locale.
DATABASES["default"]["TEST"] = {
    "NAME": os.environ.get("TEST_DB_NAME") or f"test_recoup_{checkout_tag()}",
    "TEMPLATE": "template0",
}
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
