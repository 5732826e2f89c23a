"""The demo and daily work on one machine: no secret needed, everything under `var/`."""

import os

from config import logs
from config.embedded import VAR_DIR, default_environment

for name, value in default_environment().items():
    os.environ.setdefault(name, value)

from config.settings.base import *

DEBUG = True
INSTALLED_APPS += ["sandbox.simulation"]
LOG_FORMAT = env.str("LOG_FORMAT", default="line")
LOGGING = logs.logging_settings(LOG_FORMAT)

if STRIPE_API_BASE != "https://api.stripe.com":
    INSTALLED_APPS += ["sandbox.console"]
    MIDDLEWARE += ["sandbox.console.middleware.ConsoleMiddleware"]
    CLOCK_OFFSET_FILE = VAR_DIR / "sandbox" / "clock-offset"
    if "EMAIL_URL" not in os.environ:
        EMAIL_BACKEND = "sandbox.console.outbox.EmailBackend"

SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 0
SESSION_COOKIE_SECURE = False
SESSION_COOKIE_NAME = "recoup-session"
CSRF_COOKIE_SECURE = False
CSRF_COOKIE_NAME = "recoup-csrf"
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
WEBHOOKS_MAY_GO_TO_LOCALHOST = True
