"""Addresses of deeds on many parcels, and of their export."""

from django.urls import path

from shipments.web import bulk, exporting

urlpatterns = [
    path("app/<slug:merchant>/shipments/export/", exporting.export, name="shipment-export"),
    path("app/<slug:merchant>/bulk/", bulk.recent, name="bulk-actions"),
    path("app/<slug:merchant>/bulk/start/", bulk.start, name="bulk-start"),
    path("app/<slug:merchant>/bulk/<uuid:action_id>/", bulk.show, name="bulk-action"),
    path("app/<slug:merchant>/bulk/<uuid:action_id>/cancel/", bulk.cancel, name="bulk-cancel"),
]
