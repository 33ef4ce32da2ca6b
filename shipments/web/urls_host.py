"""Every address on a merchant's own host name: the public pages, and what they load. Nothing to sign in to."""

from django.urls import include, path
from django.views.i18n import set_language

from shipments.web.urls_looks import loaded

urlpatterns = [
    path("language", set_language, name="set_language"),
    *loaded,
    path("", include("shipments.web.urls_public")),
]
