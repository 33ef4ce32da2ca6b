"""Addresses of the merchant's dashboard."""

from django.urls import path

from shipments.web import adding, dashboard

urlpatterns = [
    path("app/", dashboard.home, name="dashboard"),
    path("app/<slug:merchant>/", dashboard.merchant_home, name="merchant-home"),
    path("app/<slug:merchant>/shipments/add/", adding.add, name="shipment-add"),
]
