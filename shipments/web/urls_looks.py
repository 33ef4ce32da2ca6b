"""Addresses of merchants' looks: the settings page, what public pages load, and the public pages of each merchant."""

from django.urls import include, path

from shipments.web import looks
from shipments.web.storefront import NAMESPACE

_LOOK = "app/<slug:merchant>/settings/look/"

loaded = [
    path("m/<slug:slug>/look.<str:digest>.css", looks.stylesheet, name="look-stylesheet"),
    path("m/<slug:slug>/logo.<str:digest>.<str:extension>", looks.logo, name="look-logo"),
]

urlpatterns = [
    path(_LOOK, looks.settings, name="settings-look"),
    path(f"{_LOOK}preview.css", looks.preview, name="settings-look-preview"),
    *loaded,
    # All that everybody may open, shown in the frame of the merchant: `Storefronts` takes the name out of the address.
    path("m/<slug:merchant>/", include(("shipments.web.urls_public", NAMESPACE))),
]
