"""Addresses of one parcel: its page, what is done from it, its raw answers."""

from django.urls import path

import shipments.web.converters  # noqa: F401  (names the parts of addresses)
from shipments.web import correcting_page, parcel_deeds, parcel_page

_PARCEL = "app/<slug:merchant>/shipments/<uuid:public_id>/"

urlpatterns = [
    path(_PARCEL, parcel_page.shipment_detail, name="shipment-detail"),
    path(f"{_PARCEL}refresh/", parcel_page.refresh_now, name="shipment-refresh"),
    path(f"{_PARCEL}answers/<sha256:sha256>/", parcel_page.raw_answer, name="shipment-answer"),
    path(f"{_PARCEL}private-link/", parcel_deeds.make_private_link, name="private-link-make"),
    path(f"{_PARCEL}private-link/revoke/", parcel_deeds.revoke_private_links, name="private-link-revoke"),
    path(f"{_PARCEL}notes/", parcel_deeds.add_note, name="note-add"),
    path(f"{_PARCEL}notes/delete/", parcel_deeds.delete_note, name="note-delete"),
    path(f"{_PARCEL}tags/", parcel_deeds.add_tag, name="tag-add"),
    path(f"{_PARCEL}tags/remove/", parcel_deeds.remove_tag, name="tag-remove"),
    path(f"{_PARCEL}resolve/", parcel_deeds.resolve, name="shipment-resolve"),
    path(f"{_PARCEL}unresolve/", parcel_deeds.unresolve, name="shipment-unresolve"),
    path(f"{_PARCEL}close/", parcel_deeds.close, name="shipment-close"),
    path(f"{_PARCEL}reopen/", parcel_deeds.reopen, name="shipment-reopen"),
    path(f"{_PARCEL}archive/", parcel_deeds.archive, name="shipment-archive"),
    path(f"{_PARCEL}restore/", parcel_deeds.restore, name="shipment-restore"),
    path(f"{_PARCEL}correct/", correcting_page.correct_parcel, name="shipment-correct"),
    path(f"{_PARCEL}new-parcel/", correcting_page.start_new_parcel, name="shipment-start-again"),
]
