"""Production settings. `local` and `test` only loosen them.

Every value that differs between installations comes from the environment; a missing secret stops
the start. The README lists all names.
"""

from pathlib import Path

import environ
from csp.constants import NONE, SELF

from config import logs, loop

BASE_DIR = Path(__file__).resolve().parents[2]

env = environ.Env()

SECRET_KEY = env.str("SECRET_KEY")
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "anymail",
    "csp",
    "django_htmx",
    "heroicons",
    "django_celery_beat",
    # Before our apps: apps.stripe_gateway replaces its admin pages.
    "djstripe",
    "apps.accounts",
    "apps.stripe_gateway",
    "apps.web",
    "apps.customers",
    "apps.retry_settings",
    "apps.recovery",
    "apps.transactions",
    "apps.subscriptions",
    "apps.customer_payments",
    "apps.exports",
    "apps.analytics",
    "apps.dunning_emails",
    "apps.integrations",
    "apps.webhooks",
    "apps.reactions",
    "apps.overview",
]

MIDDLEWARE = [
    "apps.web.middleware.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "apps.accounts.middleware.MerchantMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "apps.web.middleware.AdminPolicyMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.web.context_processors.shell",
            ],
            "builtins": ["apps.web.templatetags.recoup", "heroicons.templatetags.heroicons"],
        },
    },
]

# Database. Postgres holds every due time; nothing here starts a server.
DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"]["OPTIONS"] = {
    **DATABASES["default"].get("OPTIONS", {}),
    "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=12), "timeout": 10},
}
DATABASES["default"]["ATOMIC_REQUESTS"] = False

# People
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "apps.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SESSION_REMEMBER = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

# Language and time
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
CLOCK_OFFSET_FILE: Path | None = None

# Static files
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Exports: longer lists than this are written in the background.
EXPORT_STREAM_ROWS = env.int("EXPORT_STREAM_ROWS", default=5_000)

# Security
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 7
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "apps.web.views.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}
# The operator's admin: its own scripts and forms, nothing framed and nothing from elsewhere.
ADMIN_CONTENT_SECURITY_POLICY = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "frame-src": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}

# Where customers and people find this installation: the links in mails begin with it.
PUBLIC_URL = env.str("PUBLIC_URL", default=f"https://{ALLOWED_HOSTS[0]}").rstrip("/")

# Mail
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL")
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
globals().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 30
# A provider instead of a mail server: the name of one of django-anymail's backends, its settings
# as NAME=value, and the secret ("user:password") that its notices of bounces show.
EMAIL_PROVIDER = env.str("EMAIL_PROVIDER", default="")
EMAIL_WEBHOOK_SECRET = env.str("EMAIL_WEBHOOK_SECRET", default="")
if EMAIL_PROVIDER:
    EMAIL_BACKEND = f"anymail.backends.{EMAIL_PROVIDER}.EmailBackend"
ANYMAIL = {
    **env.dict("EMAIL_PROVIDER_SETTINGS", default={}),
    "WEBHOOK_SECRET": EMAIL_WEBHOOK_SECRET,
    "REQUESTS_TIMEOUT": (5, 30),
}

# Celery: the broker only wakes workers; a lost message loses nothing.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_RESULT_EXPIRES = None
CELERY_BROKER_TRANSPORT = loop.broker_transport(CELERY_BROKER_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = loop.broker_options(CELERY_BROKER_URL)
CELERY_TASK_QUEUES = loop.QUEUES
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = [loop.route]
CELERY_BEAT_SCHEDULER = "config.beat:Scheduler"
DJANGO_CELERY_BEAT_TZ_AWARE = True
# Seconds between the wake-ups of the loop; the demo ticks faster.
LOOP_INTERVAL_SECONDS = env.int("LOOP_INTERVAL_SECONDS", default=60)
CELERY_BEAT_SCHEDULE = loop.beat_schedule(LOOP_INTERVAL_SECONDS)

# Stripe. The real key has a name that dj-stripe does not know: it would store what it finds under
# STRIPE_SECRET_KEY. It gets a stand-in instead, and the gateway puts on the real one.
GATEWAY_STRIPE_KEY = env.str("STRIPE_SECRET_KEY")
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRET")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", default="https://api.stripe.com")
# A platform's own: with its client id ("ca_...") merchants connect by one button.
STRIPE_CONNECT_CLIENT_ID = env.str("STRIPE_CONNECT_CLIENT_ID", default="")
STRIPE_CONNECT_BASE = "https://connect.stripe.com"
STRIPE_API_VERSION = "2026-08-26.dahlia"
# Whether what is read from Stripe is kept for dj-stripe's tables (rebuild and the admin).
MIRROR_STRIPE = env.bool("MIRROR_STRIPE", default=True)
STRIPE_LIVE_MODE = GATEWAY_STRIPE_KEY.split("_")[1:2] == ["live"]
STRIPE_SECRET_KEY = STRIPE_TEST_SECRET_KEY = "sk_test_standinstandinstandin00"  # noqa: S105
STRIPE_LIVE_SECRET_KEY = "sk_live_standinstandinstandin00"  # noqa: S105
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"

# "json" for machines, "line" for people; the same redactor in both.
LOG_FORMAT = env.str("LOG_FORMAT", default="json")
LOGGING = logs.logging_settings(LOG_FORMAT)
# Who asks for /metrics shows it as a bearer token; without one there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# Only on a developer's machine: webhooks may go to http://localhost.
WEBHOOKS_MAY_GO_TO_LOCALHOST = False
