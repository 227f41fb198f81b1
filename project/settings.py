"""Every setting, read from the environment in one block. The README's table documents the variables."""

import os
import re
import socket
import sys
from pathlib import Path

import environ
from corsheaders.defaults import default_headers

from tasks.errors import Misconfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def _rate(name: str, default: str) -> str:
    """Read a limit over time, or several at once; "" for none."""
    value: str = env.str(name, default=default)
    if value and not re.fullmatch(r"[1-9]\d*/(second|minute|hour|day)(;[1-9]\d*/(second|minute|hour|day))*", value):
        raise Misconfigured(f"{name} is {value!r}: expected such as 10/minute or 10/minute;100/hour, or nothing")
    return value


# --- the environment ----------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / ".data"))).resolve()
SECRET_KEY = env.str("SECRET_KEY", default="")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_ALLOW_CREDENTIALS = env.bool("CORS_ALLOW_CREDENTIALS", default=False)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=0 if DEBUG else 30 * 24 * 3600)
DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'taskfeed.sqlite3'}")
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
QUEUES = env.list("QUEUES", default=["default"])
WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", default=os.cpu_count() or 2)
WORKER_NICE = env.int("WORKER_NICE", default=5)
WEB_PROCESSES = env.int("WEB_PROCESSES", default=1)
MAX_TIMEOUT_SECONDS = env.float("MAX_TIMEOUT_SECONDS", default=3600.0)
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)  # hops of X-Forwarded-For, counted from its end

if not SECRET_KEY:
    raise Misconfigured("SECRET_KEY is not set: expected a long random string that stays the same over restarts")
if not ALLOWED_HOSTS:
    raise Misconfigured(
        "ALLOWED_HOSTS is not set: expected the host names to serve, as in ALLOWED_HOSTS=api.example.org"
    )
if not 0 <= WORKER_NICE <= 19:  # noqa: PLR2004 - as nice(1) has it
    raise Misconfigured(f"WORKER_NICE: expected 0 to 19, got {WORKER_NICE}")

# --- limits on what is stored, in bytes of UTF-8 or JSON ----------------------------------------------------------

MAX_ARGUMENTS_BYTES = env.int("MAX_ARGUMENTS_BYTES", default=256 * 1024)
MAX_RESULT_BYTES = env.int("MAX_RESULT_BYTES", default=256 * 1024)
MAX_METADATA_BYTES = env.int("MAX_METADATA_BYTES", default=16 * 1024)
MAX_TAGS = env.int("MAX_TAGS", default=50)
MAX_TAG_BYTES = env.int("MAX_TAG_BYTES", default=100)
MAX_LOG_LINE_BYTES = env.int("MAX_LOG_LINE_BYTES", default=8 * 1024)
MAX_LOG_LINES = env.int("MAX_LOG_LINES", default=10_000)
MAX_ATTEMPTS = env.int("MAX_ATTEMPTS", default=100)
MAX_WAIT_SECONDS = env.float("MAX_WAIT_SECONDS", default=60.0)
MAX_WAITERS_PER_USER = env.int("MAX_WAITERS_PER_USER", default=100)
MAX_WAITERS = env.int("MAX_WAITERS", default=1_000)
MAX_BODY_BYTES = env.int("MAX_BODY_BYTES", default=1024 * 1024)
RETENTION_SECONDS = env.float("RETENTION_SECONDS", default=30 * 24 * 3600.0)

# --- people and tokens --------------------------------------------------------------------------------------------

REGISTRATION_OPEN = env.bool("REGISTRATION_OPEN", default=DEBUG)
TOKEN_LIFETIME_SECONDS = env.int("TOKEN_LIFETIME_SECONDS", default=30 * 24 * 3600)
MAX_WATCH_TOKEN_SECONDS = env.float("MAX_WATCH_TOKEN_SECONDS", default=7 * 24 * 3600.0)
LOGIN_ATTEMPTS_PER_ADDRESS = _rate("LOGIN_ATTEMPTS_PER_ADDRESS", "600/minute")
LOGIN_ATTEMPTS_PER_NAME = _rate("LOGIN_ATTEMPTS_PER_NAME", "10/minute;100/hour")
WATCH_TOKENS_PER_USER = _rate("WATCH_TOKENS_PER_USER", "600/minute")

# --- limits on what is asked; `tasks.api.execution.limits` says what each counts -------------------------------------

INTROSPECTION = env.bool("INTROSPECTION", default=True)
GRAPHIQL = env.bool("GRAPHIQL", default=True)
MAX_HEADERS_BYTES = env.int("MAX_HEADERS_BYTES", default=32 * 1024)
MAX_DOCUMENT_CHARACTERS = env.int("MAX_DOCUMENT_CHARACTERS", default=64 * 1024)
MAX_TOKENS = env.int("MAX_TOKENS", default=2_000)
MAX_DEFINITIONS = env.int("MAX_DEFINITIONS", default=50)
MAX_DIRECTIVES = env.int("MAX_DIRECTIVES", default=50)
MAX_DEPTH = env.int("MAX_DEPTH", default=15)
MAX_ALIASES = env.int("MAX_ALIASES", default=100)
MAX_ROOT_FIELDS = env.int("MAX_ROOT_FIELDS", default=50)
MAX_FIELDS = env.int("MAX_FIELDS", default=5_000)
MAX_OVERLAPS = env.int("MAX_OVERLAPS", default=10_000)
MAX_COMPLEXITY = env.int("MAX_COMPLEXITY", default=18_000)
MAX_VALIDATION_ERRORS = env.int("MAX_VALIDATION_ERRORS", default=5)
MAX_VARIABLES_BYTES = env.int("MAX_VARIABLES_BYTES", default=512 * 1024)
MAX_VARIABLES_VALUES = env.int("MAX_VARIABLES_VALUES", default=20_000)
MAX_OPERATION_SECONDS = env.float("MAX_OPERATION_SECONDS", default=10.0)
MAX_SUBMISSIONS_PER_MINUTE = env.int("MAX_SUBMISSIONS_PER_MINUTE", default=300_000)
MAX_WAITING_PER_USER = env.int("MAX_WAITING_PER_USER", default=250_000)
MAX_WAITING_PER_QUEUE = env.int("MAX_WAITING_PER_QUEUE", default=1_000_000)

# --- the engine's rhythm, in seconds ------------------------------------------------------------------------------

HEARTBEAT_SECONDS = env.float("HEARTBEAT_SECONDS", default=2.0)
LEASE_SECONDS = env.float("LEASE_SECONDS", default=15.0)
UPKEEP_SECONDS = env.float("UPKEEP_SECONDS", default=0.5)
ENQUEUE_GRACE_SECONDS = env.float("ENQUEUE_GRACE_SECONDS", default=10.0)
CANCEL_GRACE_SECONDS = env.float("CANCEL_GRACE_SECONDS", default=3.0)
SHUTDOWN_GRACE_SECONDS = env.float("SHUTDOWN_GRACE_SECONDS", default=10.0)
TAIL_SECONDS = env.float("TAIL_SECONDS", default=1.0)

# --- sockets ------------------------------------------------------------------------------------------------------

SOCKET_INIT_SECONDS = env.float("SOCKET_INIT_SECONDS", default=10.0)
SOCKET_PING_SECONDS = env.float("SOCKET_PING_SECONDS", default=20.0)
SOCKET_OUTBOX_FRAMES = env.int("SOCKET_OUTBOX_FRAMES", default=256)
SOCKET_OUTBOX_CHARACTERS = env.int("SOCKET_OUTBOX_CHARACTERS", default=1024 * 1024)
MAX_SUBSCRIPTIONS_PER_SOCKET = env.int("MAX_SUBSCRIPTIONS_PER_SOCKET", default=100)
MAX_SOCKETS_PER_USER = env.int("MAX_SOCKETS_PER_USER", default=5_000)
MAX_SOCKETS_PER_ADDRESS = env.int("MAX_SOCKETS_PER_ADDRESS", default=10_000)

# --- Django -------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # Only for `manage.py runserver`, which it replaces: it costs every other process a second of imports.
    *(["daphne"] if "runserver" in sys.argv else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",  # for its checks of the settings; `tasks.api.transport.http.door` asks its middleware
    "strawberry_django",
    "tasks",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
AUTH_USER_MODEL = "tasks.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATICFILES_DIRS = [path for path in [BASE_DIR / "project" / "frontend" / "dist"] if path.is_dir()]
WHITENOISE_USE_FINDERS = True  # so that nothing has to be collected first
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/graphiql/.+-[\w-]{8}\.(js|css)$"
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXIES > 0:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CORS_ALLOW_HEADERS = [*default_headers, "last-event-id"]  # which fetch may send only where it is allowed
CORS_EXPOSE_HEADERS = ["retry-after", "www-authenticate"]
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for the domain's other hosts is not ours to decide
    "security.W008",  # TLS ends at a proxy, which redirects; where it does not, SECURE_SSL_REDIRECT does
    "security.W021",  # see W005
]

DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a transaction that reads first and then writes must not find the database locked in between.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = None
    # A host that vanishes without a word must not hold a thread until TCP gives up, a quarter of an hour later.
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
        **DATABASES["default"].get("OPTIONS", {}),
    }

# Redis' Pub/Sub knows no database numbers, so the prefix tells two projects on one Redis apart.
CHANNEL_PREFIX = env.str("CHANNEL_PREFIX", default=f"taskfeed-{REDIS_URL.rpartition('/')[2] or 0}")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py 8 gives up a read after 5 s unless told otherwise, which would end every idle listener.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}], "prefix": CHANNEL_PREFIX},
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    # Whoever likes can send a wrong Host, and is answered 400: each time a traceback would fill the disk.
    "loggers": {"django.security.DisallowedHost": {"level": "CRITICAL"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}

# --- Celery -------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "priority_steps": [0, 3, 6],
    "queue_order_strategy": "priority",
    # Kombu turns off what redis-py does unasked: a host that vanishes without a word must not be waited for for ever.
    "socket_keepalive": True,
    "socket_keepalive_options": {
        getattr(socket, option): value
        for option, value in {
            "TCP_KEEPIDLE": 10,
            "TCP_KEEPINTVL": 5,
            "TCP_KEEPCNT": 3,
            "TCP_USER_TIMEOUT": 20_000,
        }.items()
        if hasattr(socket, option)
    },
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_IMPORTS = ["tasks.worker"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # what workers do is in the database
CELERY_ENABLE_UTC = True
