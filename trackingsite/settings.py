"""Every setting, read from the environment; docs/settings.md describes each variable."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from trackingsite import env
from trackingsite.database_url import database_from_url
from trackingsite.embedded_postgres import Embedded
from trackingsite.keys import kept_secret, new_credential_key, new_secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
DATA = env.path("TRACKINGSITE_DATA", default=BASE_DIR / ".data")

# --- Where we run -----------------------------------------------------------------------------------------------

PRODUCTION = env.flag("TRACKINGSITE_PRODUCTION", default=False)
DEBUG = env.flag("DEBUG", default=False)
# Lets carrier accounts reach loopback and private addresses: for the demo and the tests.
ALLOW_PRIVATE_HOSTS = env.flag("TRACKINGSITE_ALLOW_PRIVATE_HOSTS", default=False)
# Whether the back-office opens with a second factor only.
STAFF_SECOND_FACTOR = env.flag("TRACKINGSITE_STAFF_SECOND_FACTOR", default=PRODUCTION)
if PRODUCTION and DEBUG:
    raise ImproperlyConfigured(
        "DEBUG is refused with TRACKINGSITE_PRODUCTION: its pages show settings and data to everybody. Unset one of them."
    )
if PRODUCTION and ALLOW_PRIVATE_HOSTS:
    raise ImproperlyConfigured(
        "TRACKINGSITE_ALLOW_PRIVATE_HOSTS is refused with TRACKINGSITE_PRODUCTION: it lets carrier accounts reach addresses "
        "inside your network. Unset one of them."
    )
if PRODUCTION and not STAFF_SECOND_FACTOR:
    raise ImproperlyConfigured(
        "TRACKINGSITE_STAFF_SECOND_FACTOR cannot be switched off with TRACKINGSITE_PRODUCTION. Unset one of them."
    )

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", default=() if PRODUCTION else ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")
# Where people reach this site: mails are made in the queue, where no request tells.
_NAMED_HOSTS = [host for host in ALLOWED_HOSTS if not host.startswith((".", "*"))]
SITE_URL = env.site("SITE_URL") or (
    (f"https://{_NAMED_HOSTS[0]}" if _NAMED_HOSTS else "") if PRODUCTION else "http://localhost:8000"
)
if not SITE_URL:
    raise ImproperlyConfigured(
        "Production needs SITE_URL, or a host name in ALLOWED_HOSTS: mails link to the site by it."
    )
# How many proxies in front of us add to X-Forwarded-For; 0 trusts no such header.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", default=0, least=0)

# --- Secrets ----------------------------------------------------------------------------------------------------

# Outside production both are made on first use and kept in the data folder, readable by its owner only.
SECRET_KEY = env.secret("SECRET_KEY") or kept_secret(
    DATA / "secret_key", new_secret_key, allowed=not PRODUCTION, name="SECRET_KEY"
)
# The key ring for carriers' credentials: the first encrypts, all decrypt. Beside the database, never in it.
CREDENTIAL_KEYS = (
    (
        env.secret("CREDENTIAL_KEYS")
        or kept_secret(
            DATA / "credential_keys", new_credential_key, allowed=not PRODUCTION, name="CREDENTIAL_KEYS"
        )
    )
    .replace(",", " ")
    .split()
)

# Where carriers' keys may be sent, when an account has an address of its own: the hosts the gateways publish, unless set.
CARRIER_HOSTS = tuple(
    host.lower().rstrip(".")
    for host in env.words(
        "TRACKINGSITE_CARRIER_HOSTS",
        default=(
            "apis.usps.com",
            "apis-tem.usps.com",
            "api.pitneybowes.com",
            "api-sandbox.pitneybowes.com",
            "shipping-api.pitneybowes.com",
            "shipping-api-sandbox.pitneybowes.com",
        ),
    )
)

# Whoever has it may read the metrics; without one there are none.
METRICS_TOKEN = env.secret("TRACKINGSITE_METRICS_TOKEN") or ""

# Hours after which the health page asks where the next backup is. Two more than a day: one at night takes its time.
BACKUP_HOURS = env.number("TRACKINGSITE_BACKUP_HOURS", default=26, least=1, most=24 * 365)

# --- Database ---------------------------------------------------------------------------------------------------

# The pool belongs to the web process alone (wsgi.py sets this): django-q2's workers lose tasks with it.
_POOL = env.flag("TRACKINGSITE_DB_POOL", default=False)
_URL = env.secret("DATABASE_URL")
if PRODUCTION and not _URL and not env.flag("TRACKINGSITE_EMBEDDED_DATABASE", default=False):
    raise ImproperlyConfigured(
        "Production needs DATABASE_URL, the address of a PostgreSQL that you back up (or TRACKINGSITE_EMBEDDED_DATABASE=1 to "
        "use the embedded one on purpose)."
    )
EMBEDDED_POSTGRES = None if _URL else Embedded(DATA / "postgres")
DATABASES = {
    "default": {
        **(database_from_url(_URL) if _URL else {}),
        **(EMBEDDED_POSTGRES.dsn_parts() if EMBEDDED_POSTGRES else {}),
        "ENGINE": "trackingsite.postgres" if EMBEDDED_POSTGRES else "django.db.backends.postgresql",
        "CONN_MAX_AGE": 0 if _POOL else 60,
        "CONN_HEALTH_CHECKS": not _POOL,
        "ATOMIC_REQUESTS": False,
    }
}
_OPTIONS: dict[str, object] = DATABASES["default"].setdefault("OPTIONS", {})
# The few statements behind every public page are planned once a connection (`models.prepared`); all others are not prepared.
_OPTIONS["prepare_threshold"] = 0 if env.flag("TRACKINGSITE_DB_PREPARE", default=True) else None
if _POOL:
    _OPTIONS["pool"] = {"min_size": 2, "max_size": 8, "timeout": 10}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Counts of sign-in attempts hold across processes and hosts.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}

# --- Application ------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "shipments",
    "trackingsite.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_q",
]

MIDDLEWARE = [
    "shipments.web.request_ids.with_request_id",
    # Load balancers ask by address and without encryption: before the host is judged and the redirect to https.
    "shipments.web.probes.Probes",
    # Before all that follow: it decides on which host names there is anything.
    "shipments.web.storefront.Storefronts",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "shipments.web.discretion.without_devices",
    "shipments.web.discretion.for_the_reader_alone",
    "shipments.web.decoding.utf8_only",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "trackingsite.urls"
WSGI_APPLICATION = "trackingsite.wsgi.application"

TEMPLATES = [
    # Public pages, and what the dashboard shows of a parcel in the same way.
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates" / "jinja2"],
        "OPTIONS": {
            "environment": "shipments.web.jinja.environment",
            "context_processors": ["shipments.web.jinja.of_the_reader"],
        },
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "libraries": {
                "fragments": "shipments.web.fragment_tags",
                "back_office": "shipments.admin.tags",
            },
        },
    },
]

# --- People -----------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "shipments.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "shipments.web.sign_in.ClosedSignup"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_FORMS = {"reset_password": "shipments.web.forms_account.ResetForm"}
# A new address replaces the old one when the link in its mailbox was opened, and the old one is told.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
# Whoever finds an open browser must not be able to move the account to a mailbox of theirs.
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
# A reset asked for a stranger's address sends nothing there.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
MFA_ADAPTER = "shipments.web.second_factor.SecondFactor"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
# Nobody signs up: accounts begin with an invitation or an operator. An address that waits to be confirmed is a change
# under way, and no reason to refuse a second factor, nor the other way round.
MFA_ALLOW_UNVERIFIED_EMAIL = True
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "dashboard"
ACCOUNT_LOGOUT_REDIRECT_URL = "public-home"

# At home mails are written to the terminal; in a server's log a reset link would be a key lying about.
_MAIL = (
    "django.core.mail.backends.smtp.EmailBackend"
    if PRODUCTION
    else "django.core.mail.backends.console.EmailBackend"
)
EMAIL_BACKEND = env.text("EMAIL_BACKEND", default=_MAIL)
EMAIL_HOST = env.text("EMAIL_HOST", default="localhost")
EMAIL_PORT = env.number("EMAIL_PORT", default=25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)
EMAIL_USE_SSL = env.flag("EMAIL_USE_SSL", default=False)
if EMAIL_USE_TLS and EMAIL_USE_SSL:
    raise ImproperlyConfigured(
        "Set EMAIL_USE_TLS (STARTTLS, mostly port 587) or EMAIL_USE_SSL (mostly port 465), not both."
    )
# Seconds for each word of the mail server; outbound.mail goes on with the next round after that.
EMAIL_TIMEOUT = 10
# Whom a merchant's people turn to when the merchant is suspended.
OPERATOR_EMAIL = env.text("OPERATOR_EMAIL", default="")
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", default="tracking@localhost")

# --- Languages, times, static files -----------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "trackingsite" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
FORMAT_MODULE_PATH = "trackingsite.formats"

STATIC_URL = "static/"
STATIC_ROOT = DATA / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- Security ---------------------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = PRODUCTION
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = PRODUCTION
SECURE_HSTS_PRELOAD = PRODUCTION
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = PRODUCTION
CSRF_COOKIE_SECURE = PRODUCTION
LANGUAGE_COOKIE_SECURE = PRODUCTION
if PRODUCTION:
    # Browsers take a cookie of such a name from nobody but this very host, over https: no neighbour in the domain, and
    # nobody on the line, can plant one.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
SESSION_COOKIE_HTTPONLY = True
# Forms carry the token; no script reads it.
CSRF_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SAMESITE = "Lax"
# From signing in, whatever is done in between; the back-office asks for a code after hours (`shipments.web.back_office`).
SESSION_COOKIE_AGE = 14 * 24 * 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Pages about errors of ours show no secrets, in DEBUG neither.
DEFAULT_EXCEPTION_REPORTER_FILTER = "shipments.web.hidden_errors.Discreet"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The second step of adding sends five fields for each of 500 numbers.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3_000
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Queue ------------------------------------------------------------------------------------------------------

_WORKERS = env.number("QUEUE_WORKERS", default=2, least=1)
# The row is the truth and the queue a nudge: a lost, late or doubled task is harmless, so nothing is retried here.
Q_CLUSTER = {
    "name": "trackingsite",
    "orm": "default",
    # Which cluster takes which task: as django-q2's own, with what many clusters need.
    "broker_class": "shipments.queue_table.QueueTable",
    "workers": _WORKERS,
    # `retry` counts from the moment a task leaves the table: a longer local queue would start tasks twice.
    "queue_limit": _WORKERS,
    "bulk": 1,
    # A batch asks for at most carriers.http.WHOLE_ROUND and then stores; `retry` comes after it.
    "timeout": 150,
    "retry": 200,
    # 0 would retry for ever; failures are acknowledged, the sweep finds the rows again.
    "max_attempts": 1,
    "ack_failures": True,
    # Successes are not stored: five times the throughput, and the rows tell what happened.
    "save_limit": -1,
    "catch_up": False,
    "poll": 0.5,
    "label": "Queue",
}

# --- Logging ----------------------------------------------------------------------------------------------------

LOG_FORMAT = env.choice("TRACKINGSITE_LOG_FORMAT", default="text", among=("text", "json"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "trackingsite.logs.Line"},
        "json": {"()": "trackingsite.logs.JsonLine"},
    },
    # Refused requests are logged by their address, and some addresses open something.
    "filters": {"without_tokens": {"()": "trackingsite.logs.WithoutTokens"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["without_tokens"]}
    },
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", default="INFO")},
    "loggers": {
        # They write addresses of requests, and headers at their finest level.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # A line a task would drown the rest. With a handler here, or it makes one with a format of its own.
        "django-q": {"level": "WARNING", "propagate": False, "handlers": ["stderr"]},
    },
}
