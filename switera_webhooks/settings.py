"""Every setting, read from the environment. `.env.example` lists each variable with its default.

A value that cannot be read stops the start with a sentence (ImproperlyConfigured); a combination that is
dangerous or incomplete is a system check with an id and a hint (switera_webhooks/checks.py).
"""

import secrets
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from cryptography.fernet import Fernet

from switera_webhooks import __version__
from switera_webhooks.environment import (
    beginning_with,
    boolean,
    broker,
    database,
    decimal_number,
    email,
    http_proxy,
    kept_in_file,
    key_hashes,
    mail_host,
    networks,
    one_of,
    ports,
    read_env_file,
    seconds,
    text,
    texts,
    whole_number,
)

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"
read_env_file(BASE_DIR)

# --- Django -------------------------------------------------------------------------------------

DEBUG = boolean("DEBUG")
SECRET_KEY = text("SECRET_KEY")
if DEBUG and not SECRET_KEY:
    SECRET_KEY = kept_in_file(VAR_DIR / "secret_key", lambda: secrets.token_urlsafe(64))
ALLOWED_HOSTS = texts("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = texts("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXIES = networks("TRUSTED_PROXIES")

INSTALLED_APPS = [
    "switera_webhooks.admin.config.OperatorsAdminConfig",  # django.contrib.admin with our site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "axes",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "switera_webhooks",
    "webhooks",
    "events",
    "deliveries",
]
MIDDLEWARE = [
    "switera_webhooks.middleware.trusted_proxies",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "switera_webhooks.middleware.security_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",  # last, as its documentation asks
]
ROOT_URLCONF = "switera_webhooks.urls"
WSGI_APPLICATION = "switera_webhooks.wsgi.application"
APPEND_SLASH = True
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
                "switera_webhooks.pages.theme.theme",
            ]
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"  # templates/django/forms/: our labels, hints and errors
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
USE_I18N = False
FORMAT_MODULE_PATH = "switera_webhooks.formats"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Sign-in attempts are limited (S38), at /accounts/login/ and on the admin site: after so many failures from an address
# it waits, whichever user names it tried. Failures while it waits do not make it wait longer.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_LOCKOUT_CALLABLE = "webhooks.views.accounts.too_many_attempts"
AXES_CLIENT_IP_CALLABLE = "switera_webhooks.middleware.client_address"
AXES_DISABLE_ACCESS_LOG = True  # sign-ins are in the audit log
AXES_VERBOSE = False
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEBUG

# A REST request may hold 16 MiB (product.md, settings); more is answered 413 in JSON.
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# The proxy that ends TLS redirects; answering a redirect here would come after the key was sent in clear.
SILENCED_SYSTEM_CHECKS = ["security.W008"]
SECURE_HSTS_SECONDS = 0 if DEBUG else 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
# Believed only from TRUSTED_PROXIES: the middleware drops the header of everybody else.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

_mail = email("EMAIL_URL", "consolemail://" if DEBUG else "smtp://localhost:25")
vars().update(_mail)
# Every mail goes by a backend that emits email.* for messages that name an app, and from there to this one.
EVENT_EMAIL_INNER_BACKEND = text("EVENT_EMAIL_INNER_BACKEND") or _mail["EMAIL_BACKEND"]
EMAIL_BACKEND = "events.sources.email.EventEmailBackend"
# Settings of django-anymail, which is no requirement of ours (docs/sources.md).
ANYMAIL = beginning_with("ANYMAIL_")
if ANYMAIL and find_spec("anymail"):
    INSTALLED_APPS.append("anymail")
# Mail about passwords comes from the host that its links lead to.
DEFAULT_FROM_EMAIL = f"Switera Webhooks <no-reply@{mail_host(ALLOWED_HOSTS)}>"
CSRF_FAILURE_VIEW = "switera_webhooks.pages.errors.csrf_failure"

# --- Database -----------------------------------------------------------------------------------

_database = database("DATABASE_URL", f"sqlite:///{VAR_DIR / 'switera.sqlite3'}")
if _database["ENGINE"].endswith("sqlite3"):
    if not Path(_database["NAME"]).is_absolute():
        _database["NAME"] = str(BASE_DIR / _database["NAME"])
    Path(_database["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    # BEGIN IMMEDIATE: measured 0 lock errors under load against 2,224 with DEFERRED.
    _database.setdefault("OPTIONS", {}).update(
        transaction_mode="IMMEDIATE", timeout=20, init_command="PRAGMA journal_mode=WAL;"
    )
# Persistent connections: emitting over REST falls from 940 to 210 requests/s without.
_database["CONN_MAX_AGE"] = 600
_database["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": _database}

# --- Celery: the alarm clock --------------------------------------------------------------------

CELERY_BROKER_URL = broker("CELERY_BROKER_URL")
CELERY_EMBEDDED = CELERY_BROKER_URL.startswith("memory://")

# --- Secrets at rest ----------------------------------------------------------------------------

WEBHOOKS_ENCRYPTION_KEYS = texts("WEBHOOKS_ENCRYPTION_KEYS")
if DEBUG and not WEBHOOKS_ENCRYPTION_KEYS:
    WEBHOOKS_ENCRYPTION_KEYS = [kept_in_file(VAR_DIR / "encryption_key", lambda: Fernet.generate_key().decode())]

# --- Where requests may go ----------------------------------------------------------------------

WEBHOOKS_ALLOW_HTTP = boolean("WEBHOOKS_ALLOW_HTTP")
WEBHOOKS_ALLOWED_PRIVATE_NETWORKS = networks("WEBHOOKS_ALLOWED_PRIVATE_NETWORKS")
WEBHOOKS_DENIED_NETWORKS = networks("WEBHOOKS_DENIED_NETWORKS")
WEBHOOKS_ALLOWED_PORTS = ports("WEBHOOKS_ALLOWED_PORTS", "443")
WEBHOOKS_CA_BUNDLE = text("WEBHOOKS_CA_BUNDLE")
WEBHOOKS_EGRESS_PROXY = http_proxy("WEBHOOKS_EGRESS_PROXY")

# --- Delivering ---------------------------------------------------------------------------------

WEBHOOKS_TIMEOUT = decimal_number("WEBHOOKS_TIMEOUT", "15", least=0.1, most=120)
WEBHOOKS_RETRY_SCHEDULE = seconds("WEBHOOKS_RETRY_SCHEDULE", "5,300,1800,7200,18000,36000,50400,72000,86400")
WEBHOOKS_RETRY_JITTER = decimal_number("WEBHOOKS_RETRY_JITTER", "0.2", least=0, most=1)
WEBHOOKS_DISABLE_AFTER = whole_number("WEBHOOKS_DISABLE_AFTER", "432000", least=1)
WEBHOOKS_TRANSPORT = one_of("WEBHOOKS_TRANSPORT", "auto", ("auto", "curl", "requests"))
WEBHOOKS_USER_AGENT = f"Switera-Webhooks/{__version__}"

# --- Limits -------------------------------------------------------------------------------------

WEBHOOKS_MAX_PAYLOAD_BYTES = whole_number("WEBHOOKS_MAX_PAYLOAD_BYTES", "262144", least=1024, most=16 * 1024 * 1024)
WEBHOOKS_EMIT_RATE = whole_number("WEBHOOKS_EMIT_RATE", "0", least=0)
WEBHOOKS_MAX_ENDPOINTS = whole_number("WEBHOOKS_MAX_ENDPOINTS", "0", least=0)
WEBHOOKS_TEST_SENDS_PER_MINUTE = whole_number("WEBHOOKS_TEST_SENDS_PER_MINUTE", "60", least=0)
WEBHOOKS_REPLAY_MAX = whole_number("WEBHOOKS_REPLAY_MAX", "100000", least=0)

# --- Where built-in events come from ------------------------------------------------------------

WEBHOOKS_AUTH_APP = text("WEBHOOKS_AUTH_APP")
WEBHOOKS_PLATFORM_KEY_HASHES = key_hashes("WEBHOOKS_PLATFORM_KEY_HASHES")

# --- History ------------------------------------------------------------------------------------

# A day at least: so long an idempotency key is kept.
WEBHOOKS_RETENTION_DAYS = whole_number("WEBHOOKS_RETENTION_DAYS", "90", least=1, most=36_500)

# --- REST ---------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["webhooks.api.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["switera_webhooks.api.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "switera_webhooks.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # `?format=` stays free for filters
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Switera Webhooks",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "switera_webhooks.api.description.describe",
    ],
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "DeliveryStatus": "deliveries.models.DeliveryStatus",
        "AttemptStatus": "deliveries.models.AttemptStatus",
        "ReplayKind": "deliveries.models.ReplayKind",
        "ReplayKindOfEndpoint": "deliveries.api.replay_serializers.KINDS",
        "ReplayStatus": "deliveries.models.ReplayStatus",
        "CircuitBreakerState": "deliveries.models.lane.BreakerState",
        "Environment": "switera_webhooks.environments.Environment",
        "DisabledReason": "webhooks.models.DisabledReason",
        "ActorType": "webhooks.audit.ActorType",
        "OrganizationState": "webhooks.models.OrganizationState",
        "InvitationState": "webhooks.models.InvitationState",
        "MemberSource": "webhooks.models.MemberSource",
        "NewMemberSource": "webhooks.api.organization_serializers.NEW_MEMBER_SOURCES",
        "DomainMethod": "webhooks.models.DomainMethod",
    },
}

# --- Logs: one line each, no payload, header, secret or signature (security.md S31) --------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # A request refused is the caller's to know, not the log's.
        "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        "axes": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
    },
}
