"""What is always so. Apps read `django.conf.settings`; only `config` reads the environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from apps.core.files.s3 import Place
from apps.core.http_client.addresses import read_allowed
from apps.core.limits.rates import Rate, parse_rate
from apps.core.versions import ApiVersion
from config.databases import database, leave_out_postgres
from config.env import ROOT, metrics_directory, read_environment, words
from config.lean import postpone_transliteration
from config.logs import configure_logging

env = read_environment()

SIGNALBOX_VERSION = "0.1.0"
SIGNALBOX_DATA_DIR = env.signalbox_data_dir
SIGNALBOX_ENVIRONMENT = "base"

DEBUG = False
ALLOWED_HOSTS = words(env.allowed_hosts)
ROOT_URLCONF = "config.urls.table"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": database(env.database_url, SIGNALBOX_DATA_DIR)}
if DATABASES["default"]["ENGINE"] == "apps.core.sqlite3":
    leave_out_postgres()

postpone_transliteration()
INSTALLED_APPS = [
    "config",  # first, for its `runserver` goes before Django's
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "django_filters",
    "graphene_django",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.core",
    "apps.tenants",
    "apps.jobs",
    "apps.events",
    "apps.keys",
    "apps.approvals",
    "apps.providers",
    "apps.models",
    "apps.conversations",
    "apps.console",
]

# Only pages run these (`core.asgi.browser`); the API path has its own few lines (`core.asgi.gate`).
MIDDLEWARE = [
    "apps.core.pages.PagePolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "apps.core.pages.ActorMiddleware",
]
SIGNALBOX_BROWSER_PREFIXES = ("/console/", "/admin/", "/static/")
APPEND_SLASH = True

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# People and passwords
AUTH_USER_MODEL = "tenants.User"
LOGIN_URL = "/console/login"
LOGIN_REDIRECT_URL = "/console/"
PASSWORD_HASHERS = ["apps.core.hashers.HouseArgon2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Sessions and cookies
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.signalbox_secure_cookies
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "apps.core.pages.csrf_failure"
SECURE_HSTS_SECONDS = 0
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"

# Languages and times
LANGUAGE_CODE = "en"
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"
LOCALE_PATHS = [ROOT / "locale"]

# Static files
STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_ROOT: Path | None = None  # collected in production; straight from the sources otherwise
WHITENOISE_USE_FINDERS = True
WHITENOISE_IMMUTABLE_FILE_TEST = (
    r"/static/vendor/[^/]+-\d+(\.\d+)*/"  # another version, another folder
)

# The way in
SIGNALBOX_API_VERSIONS = (ApiVersion("v1", urls="config.urls.v1"),)
DATA_UPLOAD_MAX_MEMORY_SIZE = None  # each door's own limit is held while the body arrives
SIGNALBOX_POOL_THREADS = env.signalbox_pool_threads
SIGNALBOX_POOL_MAX_WAITING = 2000
SIGNALBOX_POOL_SECONDS = 9.0  # a caller has an answer within ten
SIGNALBOX_TRUSTED_PROXIES = env.signalbox_trusted_proxies
SIGNALBOX_ALLOWED_PRIVATE_HOSTS = read_allowed(words(env.signalbox_allowed_private_hosts))
SIGNALBOX_ACCESS_LOG = env.signalbox_access_log or str(SIGNALBOX_DATA_DIR / "log" / "access.jsonl")
SIGNALBOX_SHUTDOWN_GRACE = env.signalbox_shutdown_grace
SIGNALBOX_CORS_ORIGINS = frozenset(words(env.cors_allowed_origins))
SIGNALBOX_CORS_HEADERS = tuple(words(env.cors_allowed_headers))
SIGNALBOX_CORS_CREDENTIALS = env.cors_allow_credentials
SIGNALBOX_HOST, SIGNALBOX_WORKERS = env.api_host, env.api_workers
SIGNALBOX_PORT = env.port or env.api_port
SIGNALBOX_PUBLIC_URL = env.public_url or f"http://localhost:{SIGNALBOX_PORT}"
SIGNALBOX_LOG_LEVEL = env.api_log_level.upper()
SIGNALBOX_REDIS_URL = env.redis_url
SIGNALBOX_METRICS_ENABLED = env.metrics_enabled
SIGNALBOX_METRICS_TOKEN = env.metrics_token
SIGNALBOX_METRICS_DIR = metrics_directory()
SIGNALBOX_ENABLE_REST, SIGNALBOX_ENABLE_GRAPHQL = env.enable_rest, env.enable_graphql
SIGNALBOX_ENABLE_WEBSOCKET, SIGNALBOX_ENABLE_SWAGGER = env.enable_websocket, env.enable_swagger
SIGNALBOX_SOCKET_CAPACITY = env.ws_channel_capacity

# Logs
LOGGING_CONFIG = None
configure_logging(SIGNALBOX_LOG_LEVEL, as_json=True)

# Limits
_default_rate = Rate(env.rate_limit_requests, env.rate_limit_window)
SIGNALBOX_RATES = {
    "default": _default_rate,
    "chat": parse_rate("100/m"),
    "upload": parse_rate("10/h"),
    "batch": parse_rate("10/m"),
    "models": parse_rate("20/m"),
}
SIGNALBOX_ANONYMOUS_RATES = (parse_rate("100/m"), parse_rate("1000/h"))
SIGNALBOX_LOGIN_RATE = parse_rate("5/m")
SIGNALBOX_LOGIN_ADDRESS_RATE = parse_rate("30/m")
SIGNALBOX_ORGANIZATION_RATES = (
    (Rate(env.rate_limit_rps * 10, 10), Rate(env.rate_limit_rps + env.rate_limit_burst, 1))
    if env.rate_limit_rps
    else ()
)
SIGNALBOX_RATE_LIMIT_ENABLED = env.rate_limit_enabled
# django-ratelimit guards login from outside; its own check forbids the in-process cache of the embedded size,
# where there is only one process and the exact count is ours.
SILENCED_SYSTEM_CHECKS = ["django_ratelimit.E003", "django_ratelimit.W001"]
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": env.redis_url}
    if env.redis_url
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# Keys and tokens
SIGNALBOX_KEY_PREFIX = env.signalbox_key_prefix
SIGNALBOX_KEY_PREFIXES = ("ltb_", "aqe_", env.signalbox_key_prefix)
SIGNALBOX_KEY_HASH = env.signalbox_key_hash
SIGNALBOX_KEY_HEADER = env.api_key_header
SIGNALBOX_JWT_ENABLED = env.jwt_enabled
SIGNALBOX_JWT_LIFETIME = timedelta(seconds=env.jwt_expiration)
SIGNALBOX_JWT_REFRESH_LIFETIME = timedelta(seconds=env.jwt_refresh_expiration)

# The bus
SIGNALBOX_BUS_SINKS = ["apps.events.services.facts.record_fact"]

# Jobs
SIGNALBOX_JOB_LEASE = timedelta(seconds=env.signalbox_job_lease)
SIGNALBOX_JOB_THREADS = env.signalbox_job_threads
SIGNALBOX_JOB_QUEUE_LIMIT = env.signalbox_job_queue_limit
SIGNALBOX_JOB_RETENTION = timedelta(days=env.signalbox_job_retention_days)
SIGNALBOX_JOB_PUBLIC_STATUS = env.signalbox_job_public_status
SIGNALBOX_EMBEDDED_WORKER = env.signalbox_embedded_worker and not env.celery_broker_url
SIGNALBOX_BROKER_URL = env.celery_broker_url

# Approvals
SIGNALBOX_APPROVAL_LIFE = timedelta(days=env.signalbox_approval_days)

# Usage
SIGNALBOX_USAGE_RETENTION = timedelta(days=env.signalbox_usage_retention_days)

# Files
SIGNALBOX_S3 = (
    Place(
        bucket=env.signalbox_s3_bucket,
        url=env.signalbox_s3_url,
        region=env.signalbox_s3_region,
        access_key=env.signalbox_s3_access_key,
        secret_key=env.signalbox_s3_secret_key,
        prefix=env.signalbox_s3_prefix,
    )
    if env.signalbox_s3_bucket
    else None
)

# Models
SIGNALBOX_LOCAL_LLM = env.local_llm
SIGNALBOX_LOCAL_MODEL, SIGNALBOX_LOCAL_IDLE = env.signalbox_local_model, env.signalbox_local_idle
SIGNALBOX_MODEL_IDLE = env.model_cache_ttl
SIGNALBOX_MODEL_MEMORY = env.signalbox_model_memory_mb * 1024 * 1024
SIGNALBOX_MODEL_WORKERS = env.signalbox_model_workers
SIGNALBOX_MODEL_WORKER_MEMORY = env.signalbox_model_worker_memory_mb * 1024 * 1024
SIGNALBOX_WARM_MODELS = env.auto_warm_models
SIGNALBOX_WARM_THRESHOLD = env.warm_threshold_requests_per_hour

# Predictions
SIGNALBOX_PREDICTION_TIMEOUT = env.prediction_timeout
SIGNALBOX_PREDICTION_BATCH = env.batch_size_limit
SIGNALBOX_PREDICTION_LOG = env.log_predictions
SIGNALBOX_PREDICTION_RETENTION = timedelta(days=env.signalbox_prediction_retention_days)
SIGNALBOX_PREDICTION_CACHE_SECONDS = env.cache_ttl_seconds if env.cache_predictions else 0.0

# Conversations
SIGNALBOX_UPLOAD_BYTES = env.signalbox_upload_bytes

# Events
SIGNALBOX_GRAPHQL_CALL_SECONDS = env.signalbox_graphql_call_seconds
SIGNALBOX_KEEP_ALIVE_SECONDS = env.signalbox_keep_alive_seconds
SIGNALBOX_CAPTURE_RETENTION = timedelta(days=env.signalbox_capture_days)
SIGNALBOX_EVENT_RETENTION = timedelta(days=env.signalbox_event_retention_days)
SIGNALBOX_EVENT_ROWS = env.signalbox_event_rows
SIGNALBOX_WEBHOOK_TIMEOUT = 15.0
SIGNALBOX_WEBHOOK_TIME_SCALE = env.signalbox_webhook_time_scale
SIGNALBOX_SEQUENCER_LEASE = timedelta(seconds=4)

# The doors
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.core.rest.authentication.GateAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_PARSER_CLASSES": ["apps.core.rest.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["apps.core.rest.renderers.FastJSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "apps.core.rest.schema.HouseSchema",
    "DEFAULT_PAGINATION_CLASS": "apps.core.rest.pagination.PagePagination",
    "EXCEPTION_HANDLER": "apps.core.rest.errors.translate",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Signalbox",
    "VERSION": SIGNALBOX_VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {
        "RoleEnum": "apps.keys.rest.serializers.ROLES",
        "CallStatusEnum": "apps.providers.models.usage.STATUSES",
        "DeliveryStateEnum": "apps.events.rest.webhooks.STATES",
        "JobStateEnum": "apps.jobs.queries.lists.STATES",
        "KeyStateEnum": "apps.keys.rest.serializers.STATES",
        "MessageRoleEnum": "apps.conversations.models.ROLES",
        "MessageStatusEnum": "apps.conversations.models.STATUSES",
        "PersonRoleEnum": "apps.tenants.domain.roles.PEOPLE_ROLES",
        "VerdictEnum": "apps.conversations.models.VERDICTS",
        "VersionStatusEnum": "apps.models.models.STATUSES",
    },
    "PREPROCESSING_HOOKS": ["apps.core.openapi.hooks.leave_out_aliases"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.core.openapi.hooks.complete",
    ],
}
SIGNALBOX_OPENAPI_FILE = ROOT / "openapi.json"
SIGNALBOX_ALIASES = "config.urls.aliases.ALIAS_PATHS"
GRAPHENE = {"SCHEMA": "config.schema.schema"}
