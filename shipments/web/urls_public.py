"""Addresses for everybody. Included last: a tracking number may stand right behind the host."""

from django.urls import path, register_converter

from shipments.web import public
from shipments.web.converters import NumberAtRoot

register_converter(NumberAtRoot, "number_at_root")

urlpatterns = [
    path("", public.look_up, name="public-home"),
    path("track", public.look_up, name="public-track"),
    path("track/<str:typed>", public.parcel, name="public-parcel"),
    path("t/<str:token>", public.private_link, name="private-link"),
    path("<number_at_root:typed>", public.to_parcel, name="public-number"),
]
