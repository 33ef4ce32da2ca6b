"""Addresses of the settings."""

from django.urls import path

from shipments.web import exporting_all, settings_pages

urlpatterns = [
    path("app/<slug:merchant>/settings/", settings_pages.merchant, name="settings"),
    path("app/<slug:merchant>/settings/attention/", settings_pages.attention, name="settings-attention"),
    path("app/<slug:merchant>/settings/alerts/", settings_pages.alerts, name="settings-alerts"),
    path("app/<slug:merchant>/settings/alerts/test/", settings_pages.send_test, name="settings-alerts-test"),
    path("app/<slug:merchant>/settings/export/", exporting_all.page, name="settings-export"),
    path(
        "app/<slug:merchant>/settings/export/<uuid:export_id>/",
        exporting_all.fetch,
        name="settings-export-file",
    ),
]
