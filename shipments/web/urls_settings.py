"""Addresses of the settings."""

from django.urls import path

from shipments.web import settings_pages

urlpatterns = [
    path("app/<slug:merchant>/settings/", settings_pages.merchant, name="settings"),
    path("app/<slug:merchant>/settings/attention/", settings_pages.attention, name="settings-attention"),
    path("app/<slug:merchant>/settings/alerts/", settings_pages.alerts, name="settings-alerts"),
    path("app/<slug:merchant>/settings/alerts/test/", settings_pages.send_test, name="settings-alerts-test"),
]
