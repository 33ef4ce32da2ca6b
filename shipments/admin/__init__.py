"""The back-office, one module per models module; Django finds it by this package's name."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from shipments.admin import (
    accounts,
    answers,
    audit,
    carriers,
    links,
    looks,
    mappings,
    merchants,
    notices,
    pacing,
    proofs,
    replays,
    shipments,
    subscriptions,
    users,
)

__all__ = [
    "accounts",
    "answers",
    "audit",
    "carriers",
    "links",
    "looks",
    "mappings",
    "merchants",
    "notices",
    "pacing",
    "proofs",
    "replays",
    "shipments",
    "subscriptions",
    "users",
]

admin.site.site_header = _("Parcel tracking: back-office")
admin.site.site_title = _("Back-office")
admin.site.index_title = _("Everything of this installation")
