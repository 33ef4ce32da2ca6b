"""Addresses for everybody, in every frame. A tracking number may stand right behind the host."""

from django.urls import path

import shipments.web.converters  # noqa: F401  (names the parts of addresses)
from shipments.web import orders, public, subscribing, urls_proofs

urlpatterns = [
    path("", public.look_up, name="public-home"),
    path("track", public.look_up, name="public-track"),
    # Before numbers, of which it is none: those are written in capitals.
    path("track/order", orders.by_order, name="public-order"),
    path("track/<str:typed>", public.parcel, name="public-parcel"),
    path("track/<str:typed>/email", subscribing.ask_by_number, name="email-me"),
    path("t/<str:token>", public.private_link, name="private-link"),
    path("t/<str:token>/email", subscribing.ask_by_link, name="email-me-by-link"),
    *urls_proofs.for_everybody,
    path("mail/confirm/<str:token>", subscribing.confirm, name="mail-confirm"),
    path("mail/stop/<str:token>", subscribing.stop, name="mail-stop"),
    path("<number_at_root:typed>", public.to_parcel, name="public-number"),
]
