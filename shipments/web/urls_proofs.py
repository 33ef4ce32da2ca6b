"""Addresses of proof: pictures of a delivery, statements, and the page that verifies those."""

from django.urls import path

import shipments.web.converters  # noqa: F401  (names the parts of addresses)
from shipments.web import proofs, statements

_LINK = "t/<str:token>/"
_PARCEL = "app/<slug:merchant>/shipments/<uuid:public_id>/"
_FILE = {"as_file": True}

# In every frame of public pages.
for_everybody = [
    path(f"{_LINK}proof", proofs.by_link, name="private-proof"),
    path(f"{_LINK}proof/<sha256:sha256>", proofs.by_link, name="private-picture"),
    path(f"{_LINK}statement", statements.of_link, name="private-statements"),
    path(
        f"{_LINK}statement/<statement_number:number>.json",
        statements.by_link,
        _FILE,
        name="private-statement-file",
    ),
    path(f"{_LINK}statement/<statement_number:number>", statements.by_link, name="private-statement"),
    path("verify", statements.verify, name="verify"),
    path("verify/<str:number>", statements.verify, name="verify-statement"),
]

urlpatterns = [
    path(f"{_PARCEL}proof/", proofs.for_member, name="shipment-proof"),
    path(f"{_PARCEL}proof/<sha256:sha256>", proofs.for_member, name="shipment-picture"),
    path(f"{_PARCEL}statement/", statements.of_parcel, name="shipment-statements"),
    path(f"{_PARCEL}statement/<statement_number:number>/", statements.for_member, name="shipment-statement"),
    path(
        f"{_PARCEL}statement/<statement_number:number>.json",
        statements.for_member,
        _FILE,
        name="shipment-statement-file",
    ),
]
