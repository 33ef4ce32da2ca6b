"""Every address of the application. Those for everybody first: they are asked for most, and each address passes all before it.
A tracking number, which may stand at the root, has a digit, which no other word there has."""

from django.urls import include, path

urlpatterns = [
    path("", include("shipments.web.urls_public")),
    path("", include("shipments.web.urls_dashboard")),
    path("", include("shipments.web.urls_attention")),
    path("", include("shipments.web.urls_settings")),
    path("", include("shipments.web.urls_accounts")),
    path("", include("shipments.web.urls_people")),
    path("", include("shipments.web.urls_parcel")),
    path("", include("shipments.web.urls_bulk")),
    path("", include("shipments.web.urls_imports")),
    path("", include("shipments.web.urls_figures")),
    path("", include("shipments.web.urls_list")),
    path("", include("shipments.web.urls_looks")),
    path("", include("shipments.web.urls_proofs")),
]
