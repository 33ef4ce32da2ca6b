"""Every address of the application: the merchant's pages first, because a tracking number may stand at the root."""

from django.urls import include, path

urlpatterns = [
    path("", include("shipments.web.urls_dashboard")),
    path("", include("shipments.web.urls_attention")),
    path("", include("shipments.web.urls_settings")),
    path("", include("shipments.web.urls_people")),
    path("", include("shipments.web.urls_parcel")),
    path("", include("shipments.web.urls_bulk")),
    path("", include("shipments.web.urls_imports")),
    path("", include("shipments.web.urls_figures")),
    path("", include("shipments.web.urls_list")),
    path("", include("shipments.web.urls_looks")),
    path("", include("shipments.web.urls_proofs")),
    path("", include("shipments.web.urls_public")),
]
