"""The real settings, quicker and without surprises from the environment of whoever runs the tests."""

import os
from pathlib import Path

os.environ.setdefault("TRACKINGSITE_DATA", str(Path(__file__).resolve().parent.parent / ".data" / "tests"))
os.environ["TRACKINGSITE_ALLOW_PRIVATE_HOSTS"] = "1"
for name in (
    "TRACKINGSITE_PRODUCTION",
    "DEBUG",
    "SECRET_KEY",
    "CREDENTIAL_KEYS",
    "TRACKINGSITE_DB_POOL",
    "SITE_URL",
    "TRACKINGSITE_METRICS_TOKEN",
    "TRACKINGSITE_STAFF_SECOND_FACTOR",
    "TRUSTED_PROXIES",
    "TRACKINGSITE_LOG_FORMAT",
):
    os.environ.pop(name, None)

from trackingsite.settings import *  # noqa: E402, F403
from trackingsite.settings import STATIC_ROOT, STORAGES  # noqa: E402

SECRET_KEY = "tests-only"
# Fixed, so that a failing test fails again.
CREDENTIAL_KEYS = ["Zm9yIHRlc3RzIG9ubHksIDMyIGJ5dGVzIGxvbmcuLi4="]
# A code of an authenticator that is typed at the end of its half minute may arrive in the next one.
MFA_TOTP_TOLERANCE = 1
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
# Pages are tested without collecting static files first.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# WhiteNoise warns of a folder that is missing, and warnings are errors here.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
