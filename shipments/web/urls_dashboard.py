"""Addresses of the merchant's dashboard."""

from django.urls import path

from shipments.web import adding, dashboard, parcel_page

_PARCEL = "app/<slug:merchant>/shipments/<uuid:public_id>/"

urlpatterns = [
    path("app/", dashboard.home, name="dashboard"),
    path("app/<slug:merchant>/", dashboard.merchant_home, name="merchant-home"),
    path("app/<slug:merchant>/shipments/add/", adding.add, name="shipment-add"),
    path(_PARCEL, parcel_page.shipment_detail, name="shipment-detail"),
    path(f"{_PARCEL}refresh/", parcel_page.refresh_now, name="shipment-refresh"),
    path(f"{_PARCEL}private-link/", parcel_page.make_private_link, name="private-link-make"),
    path(f"{_PARCEL}private-link/revoke/", parcel_page.revoke_private_links, name="private-link-revoke"),
    path(f"{_PARCEL}answers/<str:sha256>/", parcel_page.raw_answer, name="shipment-answer"),
]
