"""The web application for a WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trackingsite.settings")
os.environ.setdefault("TRACKINGSITE_DB_POOL", "1")

application = get_wsgi_application()

from shipments import key_ring  # noqa: E402  (needs the applications)
from trackingsite.heap import keep_what_is_loaded  # noqa: E402  (needs the settings)

key_ring.begin()
keep_what_is_loaded()
