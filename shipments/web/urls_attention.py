"""Addresses of the attention page."""

from django.urls import path

from shipments.web import attention, attention_deeds

urlpatterns = [
    path("app/<slug:merchant>/attention/", attention.attention, name="attention"),
    path("app/<slug:merchant>/attention/several/", attention_deeds.act_on_several, name="attention-several"),
    path("app/<slug:merchant>/attention/<uuid:public_id>/", attention_deeds.act, name="attention-act"),
]
