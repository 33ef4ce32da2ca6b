"""Addresses of imports."""

from django.urls import path

from shipments.web import imports

_IMPORT = "app/<slug:merchant>/imports/<uuid:import_id>/"

urlpatterns = [
    path("app/<slug:merchant>/imports/", imports.import_list, name="import-list"),
    path("app/<slug:merchant>/imports/new/", imports.new, name="import-new"),
    path(_IMPORT, imports.import_detail, name="import-detail"),
    path(f"{_IMPORT}match/", imports.match, name="import-match"),
    path(f"{_IMPORT}preview/", imports.preview, name="import-preview"),
    path(f"{_IMPORT}start/", imports.start, name="import-start"),
    path(f"{_IMPORT}cancel/", imports.cancel, name="import-cancel"),
    path(f"{_IMPORT}refused.csv", imports.bad_rows, name="import-bad-rows"),
]
