"""The web application for an ASGI server. The pages are synchronous: prefer WSGI."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "trackingsite.settings")

application = get_asgi_application()

from shipments import key_ring  # noqa: E402  (needs the applications)
from trackingsite.heap import keep_what_is_loaded  # noqa: E402  (needs the settings)

key_ring.begin()
keep_what_is_loaded()
